/* sim_exports.c: Data Exports: ListExports and GetExport over {"name","table","iam_principal"} of
 * the setup. */
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <string.h>

#define TARGET_PREFIX "AWSBillingAndCostManagementDataExports"

static json_t *arn_of(const json_t *export)
{
    return json_sprintf("arn:aws:bcm-data-exports:us-east-1:" SIM_ACCOUNT ":export/%s-0001",
                        sim_setup_text(export, "name"));
}

static void list_exports(struct sim_connection *c, const json_t *root)
{
    static const struct sim_paging paging = {"Exports", "NextToken", "MaxResults", 100};
    json_t *all = json_array(), *one;
    size_t i;
    json_array_foreach(sim_setup_list(c, "exports"), i, one)
    {
        (void)json_array_append_new(all, json_pack("{s:o, s:s, s:{s:s}}", "ExportArn", arn_of(one),
                                                   "ExportName", sim_setup_text(one, "name"),
                                                   "ExportStatus", "StatusCode", "HEALTHY"));
    }
    sim_setup_answer(c, root, &paging, all);
}

static void get_export(struct sim_connection *c, const json_t *root)
{
    json_t *one;
    size_t i;
    json_array_foreach(sim_setup_list(c, "exports"), i, one)
    {
        json_t *arn = arn_of(one);
        if (strcmp(json_string_value(arn), sim_setup_text(root, "ExportArn")) != 0) {
            json_decref(arn);
            continue;
        }
        const char *table = sim_setup_text(one, "table");
        json_t *settings =
            json_pack("{s:s, s:s}", "TIME_GRANULARITY", "DAILY", "INCLUDE_RESOURCES", "TRUE");
        const char *principal = sim_setup_text(one, "iam_principal");
        if (principal[0] != '\0') {
            (void)json_object_set_new(settings, "INCLUDE_IAM_PRINCIPAL_DATA",
                                      json_string(principal));
        }
        json_t *query = json_sprintf("SELECT * FROM %s", table);
        sim_json_answer(c, json_pack("{s:{s:o, s:s, s:{s:o, s:{s:o}}, s:{s:s}}, s:{s:s}}", "Export",
                                     "ExportArn", arn, "Name", sim_setup_text(one, "name"),
                                     "DataQuery", "QueryStatement", query, "TableConfigurations",
                                     table, settings, "RefreshCadence", "Frequency", "SYNCHRONOUS",
                                     "ExportStatus", "StatusCode", "HEALTHY"));
        return;
    }
    sim_json_refuse(c, "ResourceNotFoundException", NULL, "There is no such export.");
}

void sim_exports_handle(struct sim_connection *c, const struct sim_request *r)
{
    struct str operation = sim_json_operation(r, TARGET_PREFIX);
    json_t *root = sim_json_read(c, r);

    if (root == NULL) {
        return;
    }
    if (str_is(operation, "ListExports")) {
        list_exports(c, root);
    } else if (str_is(operation, "GetExport")) {
        get_export(c, root);
    } else {
        sim_json_refuse(c, "UnknownOperationException", NULL,
                        "ListExports and GetExport are simulated.");
    }
    json_decref(root);
}
