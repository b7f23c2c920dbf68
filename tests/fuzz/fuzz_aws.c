/* What AWS and its files answer: error bodies, credentials as JSON, INI files. */
#include "core/aws/aws_error.h"
#include "core/aws/credentials_private.h"
#include "tests/fuzz/fuzz.h"

static void check_error(struct str body)
{
    char code[AWS_CODE_MAX], message[160];

    aws_error_decode(code, message, sizeof(message), body);
    MUST(memchr(code, '\0', sizeof(code)) != NULL && !holds_control(str_of(code)));
    MUST(memchr(message, '\0', sizeof(message)) != NULL && !holds_control(str_of(message)));
    MUST(aws_error_meaning(400, code) != ERR_OK && aws_error_meaning(503, code) != ERR_OK);
}

static void check_credentials(struct str json)
{
    struct credentials *c = NULL;
    struct err_info ei = {0};

    if (credentials_from_json(&c, json, "fuzz", &ei) == ERR_OK) {
        MUST(c != NULL && c->access_key_id[0] != '\0' && c->secret_access_key[0] != '\0');
        credentials_unref(c);
    } else {
        MUST(c == NULL && ei.text[0] != '\0');
    }
}

static void check_ini(struct str text)
{
    static const char *const sections[] = {"default", "work"};
    struct str value;

    for (size_t i = 0; i < 4; i++) {
        if (credentials_ini_value(text, sections[i / 2], i % 2 == 1, "aws_access_key_id", &value)) {
            MUST(is_inside(value, text) && credentials_ini_section(text, sections[i / 2], i % 2));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};

    check_error(text);
    check_credentials(text);
    check_ini(text);
    return 0;
}
