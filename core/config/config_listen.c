/* config_listen.c: where tollgate listens. */
#include "core/config/config_private.h"

#include <stddef.h>
#include <string.h>

#define LISTENERS_MAX 16

struct draft {
    struct config_listen listen;
    const char *address;
};

static void check_address(const struct config_place *p, struct draft *d)
{
    struct str host;
    const char *why;
    if (!config_address_parse(str_of(d->address), &host, &d->listen.port, &why)) {
        config_wrong(p, "address %s", why);
        return;
    }
    d->listen.host = config_text(p->r, host);
}

static void check_certificate(const struct config_place *p, const struct config_listen *l)
{
    if ((l->certificate == NULL) != (l->private_key == NULL)) {
        config_wrong(p, "certificate and private_key go together: %s is missing",
                     l->certificate == NULL ? "certificate" : "private_key");
    } else if (l->client_ca != NULL && l->certificate == NULL) {
        config_wrong(p, "client_ca needs a certificate and a private_key");
    } else if (l->certificate == NULL && !l->plaintext && *l->host != '\0' &&
               !config_host_is_loopback(l->host)) {
        config_wrong(p, "listens off loopback without a certificate: keys and prompts would travel "
                        "in the clear; add certificate and private_key, or plaintext: true");
    }
}

static void read_listener(const struct config_place *p, size_t i, void *arg)
{
    static const struct config_field fields[] = {
        {"address", config_read_text, .offset = offsetof(struct draft, address)},
        {"certificate", config_read_path, .offset = offsetof(struct draft, listen.certificate)},
        {"private_key", config_read_path, .offset = offsetof(struct draft, listen.private_key)},
        {"client_ca", config_read_path, .offset = offsetof(struct draft, listen.client_ca)},
        {"plaintext", config_read_bool, .offset = offsetof(struct draft, listen.plaintext)},
    };
    struct config *c = arg;
    struct draft d = {.listen = {.host = "", .line = p->line}};
    (void)i;
    uint64_t seen = CONFIG_READ_FIELDS(p, fields, &d);
    if (d.address != NULL) {
        check_address(p, &d);
    } else if (p->node->type == YAML_MAPPING_NODE && (seen & 1) == 0) {
        config_wrong(p, "address is missing, such as 127.0.0.1:8088");
    }
    if (p->node->type == YAML_MAPPING_NODE) {
        check_certificate(p, &d.listen);
    }
    for (size_t k = 0; k < c->listen_count; k++) {
        const struct config_listen *other = &c->listen[k];
        if (*other->host != '\0' && d.listen.port != 0 && other->port == d.listen.port &&
            strcmp(other->host, d.listen.host) == 0) {
            config_wrong(p, "the address is taken by the entry in line %d", other->line);
        }
    }
    c->listen[c->listen_count++] = d.listen;
}

void config_read_listen(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    (void)f;
    c->listen = config_memory(p->r, LISTENERS_MAX, sizeof(*c->listen));
    if (c->listen != NULL && config_each_item(p, LISTENERS_MAX, read_listener, c) &&
        c->listen_count == 0) {
        config_wrong(p, "is empty: give an address or leave the key out for 127.0.0.1:8088");
    }
}

void config_listen_defaults(struct config_reader *r)
{
    struct config *c = r->config;
    if (c->listen_count > 0) {
        return;
    }
    c->listen = config_memory(r, 1, sizeof(*c->listen));
    if (c->listen != NULL) {
        c->listen[0] = (struct config_listen){.host = "127.0.0.1", .port = 8088};
        c->listen_count = 1;
    }
}
