/* aws_verbs.c: see aws_verbs.h. */
#include "tui/aws_verbs.h"

#include <string.h>

const struct aws_verb aws_verbs[] = {
    {"profiles", "create", "profiles.create", NULL, false, true, " name from tag description ",
     NULL, NULL, "--name N --from MODEL|ARN --tag k=v.. [--description D]", NULL},
    {"profiles", "list", "profiles.list", NULL, false, false, " all ", "profiles",
     "NAME=name;MODEL=model;ID=id;STATUS=status;TAGS=tags;USED FOR=mapped", "[--all]", NULL},
    {"profiles", "show", "profiles.show", "profile", false, false, " ", "profiles",
     "NAME=name;ARN=arn;MODEL=model;STATUS=status;CREATED=created_at;TAGS=tags;USED FOR=mapped",
     "ID|ARN", NULL},
    {"profiles", "delete", "profiles.delete", "profile", false, true, " ", NULL, NULL, "ID|ARN",
     NULL},
    {"profiles", "map", "profiles.map", NULL, false, false, " ", NULL, NULL, "", NULL},
    {"projects", "create", "projects.create", NULL, false, true, " name tag ", "projects",
     "ID=id;NAME=name;STATUS=status;TAGS=tags", "--name N --tag k=v..", NULL},
    {"projects", "list", "projects.list", NULL, false, false, " ", "projects",
     "ID=id;NAME=name;STATUS=status;CREATED=created_at;TAGS=tags", "", NULL},
    {"projects", "archive", "projects.archive", "project", false, true, " ", NULL, NULL,
     "PROJECT-ID", NULL},
    {"tags", "list", "tags.list", NULL, false, false, " ", "tags",
     "KEY=key;TYPE=type;STATUS=status;LAST USED=last_used;CHANGED=last_updated", "", NULL},
    {"tags", "activate", "tags.activate", "keys", true, true, " inactive ", NULL, NULL,
     "KEY.. [--inactive]", NULL},
    {"tags", "backfill", "tags.backfill", NULL, false, true, " from ", NULL, NULL, "--from YYYY-MM",
     NULL},
    {"exports", "check", "exports.check", NULL, false, false, " ", "exports",
     "NAME=name;STATUS=status;CUR 2.0=cur;IAM PRINCIPAL=iam_principal", "", NULL},
    {"budgets", "create", "budgets.create", NULL, false, true,
     " name amount tag unit percent email sns ", NULL, NULL,
     "--name N --amount USD --tag k=v [--unit MONTHLY] [--percent 80,100] --email A|--sns ARN",
     NULL},
    {"budgets", "list", "budgets.list", NULL, false, false, " ", "budgets",
     "NAME=name;PERIOD=time_unit;TAG=tag;LIMIT=limit_usd;SPENT=actual_usd;FORECAST=forecast_usd;"
     "HEALTH=health",
     "", NULL},
    {"anomalies", "create", "anomalies.create", NULL, false, true, " name amount tag email sns ",
     NULL, NULL, "--name N --amount USD [--tag k=v] --email A|--sns ARN", NULL},
    {"anomalies", "list", "anomalies.list", NULL, false, false, " days ", "anomalies",
     "START=start;END=end;WHAT=what;IMPACT=impact_usd;SPENT=actual_usd;EXPECTED=expected_usd",
     "[--days 30]", NULL},
    {"alarms", "create", "alarms.create", NULL, false, true,
     " name metric above dimension period periods sns ", NULL, NULL,
     "--name N --metric M --above X --dimension k=v.. [--period S] [--periods N] [--sns ARN]",
     NULL},
    {"alarms", "list", "alarms.list", NULL, false, false, " all ", "alarms",
     "NAME=name;STATE=state;METRIC=metric;ABOVE=threshold;SECONDS=period_seconds;SERIES=dimensions;"
     "SINCE=changed_at",
     "[--all]", NULL},
    {"logging", "status", "logging.status", NULL, false, false, " ", NULL, NULL, "", NULL},
    {"policy", NULL, "policy", NULL, false, false,
     " deny-bypass tagged setup assume-role role tag ", NULL, NULL,
     "[--assume-role | --setup | --deny-bypass [--role ARN] | --tagged [--tag k=v]]", NULL},
    {"prices", NULL, "prices", NULL, false, false, " all write ", "prices",
     "MODEL=model;TOKENS=tokens;IN "
     "USE=in_use_usd_per_million;LISTED=listed_usd_per_million;STATE=state",
     "[--all] [--write FILE]", "price that differs from those in use"},
    {"cur", "import", "cur.import", "files", true, false, " replace ", NULL, NULL,
     "FILE.. [--replace]", NULL},
    {"cur", "show", "cur.show", NULL, false, false, " by month ", "rows",
     "*=key;COST=usd;LINES=lines;FROM=first_day;TO=last_day",
     "[--by principal,model | day, service, usage_type, tags, TAG-KEY] [--month YYYY-MM]",
     "line of a bill"},
    {"dashboard", NULL, "dashboard", NULL, false, false, " ", NULL, NULL, "", NULL},
};
const size_t aws_verb_count = sizeof(aws_verbs) / sizeof(*aws_verbs);

static const struct {
    const char *noun, *text;
} texts[] = {
    {"profiles",
     "Application inference profiles carry the tags by which AWS bills what is called through "
     "them. --from is a model of the\nconfiguration, a model ID or a system-defined profile's ID "
     "(us.anthropic..), or an ARN. `map` prints the configuration's\nlines that send each cost "
     "center's calls through its own profile. --all lists those of AWS too.\n"},
    {"projects",
     "Projects do for bedrock-mantle what inference profiles do for bedrock-runtime. Archiving "
     "cannot be taken back.\n"},
    {"tags",
     "Cost allocation tags: a tag counts in billing only once it is activated, within a day, and "
     "not for the past; `backfill`\napplies the active ones to what was spent since a month. Each "
     "call of Cost Explorer costs a cent.\n"},
    {"exports",
     "Whether an export of CUR 2.0 has IAM principal data (INCLUDE_IAM_PRINCIPAL_DATA): the only "
     "bill that says who called.\nOnly looks.\n"},
    {"budgets",
     "A budget tells when billing says so, up to a day late; a usd limit of tollgate refuses at "
     "once.\n"},
    {"anomalies",
     "`create` makes a monitor (over a tag's value, or over each service) and a subscription that "
     "tells an address once a day\nor an SNS topic at once. Each call of Cost Explorer costs a "
     "cent.\n"},
    {"alarms",
     "CloudWatch alarms on the metrics that tollgate publishes. CloudWatch matches dimensions "
     "exactly: give each one of a\nset that is published (publish.metrics.dimension_sets). --all "
     "lists alarms of other name spaces too.\n"},
    {"logging", "Whether Bedrock's own invocation logging is on, and where to. Only looks.\n"},
    {"policy",
     "Prints an IAM policy as JSON and asks AWS nothing: what tollgate itself needs for the "
     "features that the configuration\nturns on; with --assume-role what the role of assume_role "
     "needs, which makes the calls then; with --setup what these\ncommands need; with "
     "--deny-bypass "
     "what makes every application go through tollgate; with --tagged what ties a\nprincipal to "
     "the "
     "inference profiles that carry its tag.\n"},
    {"prices",
     "Reads the AWS Price List for the Region and shows what differs from the prices that tollgate "
     "counts with, in USD per million\ntokens; --all shows the rest too. --write makes a FILE with "
     "the price: lines of the configuration's models that differ,\nto be put into the "
     "configuration: prices there stand above the built-in ones.\n"},
    {"cur",
     "`import` reads files of a CUR 2.0 export (CSV, also gzipped) into cur.db of the state "
     "directory, at once or one after another:\na file replaces what was imported of a file of its "
     "name and month, and every file of another export; --replace drops all\nthat was imported of "
     "its months, for an export that has fewer parts now. `show` sums up, by up to three keys. AWS "
     "is asked\nnothing.\n"},
    {"dashboard",
     "Prints a CloudWatch dashboard as JSON, ready for\n"
     "  aws cloudwatch put-dashboard --dashboard-name tollgate --dashboard-body file://FILE\n"},
};

const char *aws_verbs_help(const char *noun)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (strcmp(texts[i].noun, noun) == 0) {
            return texts[i].text;
        }
    }
    return "";
}
