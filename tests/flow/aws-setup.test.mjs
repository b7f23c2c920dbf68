// `tollgate aws ..`: the commands that set attribution up, against the simulated account.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

import { configuration, run, Simulation, temporaryDirectory } from '../lib/harness.mjs';

async function account(t, more) {
    const sim = await Simulation.start(t);
    const dir = temporaryDirectory(t);
    const config = path.join(dir, 'tollgate.yaml');
    fs.writeFileSync(config, JSON.stringify({ state_dir: path.join(dir, 'state'), ...configuration(sim, more) }));
    const env = { AWS_EC2_METADATA_DISABLED: 'true', ...sim.credentials, TOLLGATE_CONFIG: config };
    const aws = (...words) => run(['aws', ...words], { home: dir, env });
    const json = async (...words) => {
        const answer = await aws(...words, '--json');
        assert.equal(answer.status, 0, `${words.join(' ')}: ${answer.stderr}`);
        return JSON.parse(answer.stdout);
    };
    const text = async (...words) => {
        const answer = await aws(...words);
        assert.equal(answer.status, 0, `${words.join(' ')}: ${answer.stderr}`);
        return answer.stdout;
    };
    const fails = async (pattern, ...words) => {
        const answer = await aws(...words);
        assert.equal(answer.status, 1, `${words.join(' ')}: ${answer.stdout}`);
        assert.match(answer.stderr, pattern, words.join(' '));
    };
    const misused = async (pattern, ...words) => {
        const answer = await aws(...words);
        assert.equal(answer.status, 2, `${words.join(' ')}: ${answer.stdout}`);
        assert.match(answer.stderr, pattern, words.join(' '));
    };
    return { sim, dir, aws, json, text, fails, misused };
}

const HAIKU = 'anthropic.claude-3-5-haiku-20241022-v1:0';

test('a profile is planned, asked for, made, listed, mapped and deleted', async (t) => {
    const { json, text, fails, aws } = await account(t);
    const create = ['profiles', 'create', '--name', 'haiku-sales', '--from', 'claude-3-5-haiku', '--tag', 'costCenter=sales'];
    const planned = await json(...create, '--dry-run');
    assert.equal(planned.dry_run, true);
    assert.equal(planned.request.modelSource.copyFrom, `arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.${HAIKU}`);
    assert.deepEqual(planned.request.tags, [{ key: 'costCenter', value: 'sales' }]);
    await fails(/no terminal to ask: add --yes/, ...create);
    assert.deepEqual((await json('profiles', 'list')).profiles, []);

    const { arn } = await json(...create, '--yes');
    await fails(/bedrock:CreateInferenceProfile failed \(ConflictException/, ...create, '--yes');
    const { profiles: [made] } = await json('profiles', 'list');
    assert.deepEqual([made.name, made.arn, made.model, made.tags, made.mapped], ['haiku-sales', arn, HAIKU, { costCenter: 'sales' }, null]);
    assert.match(await text('profiles', 'list'), /NAME +MODEL +ID +STATUS +TAGS[^]*haiku-sales +anthropic\.claude/);
    assert.deepEqual((await json('profiles', 'show', made.id)).profiles[0].arn, arn);
    const map = await text('profiles', 'map');
    assert.match(map, /^models:\n {2}- name: "claude-3-5-haiku"\n/);
    assert.ok(map.includes(`profiles: {"sales": "${arn}"}`), map);

    assert.match(await text('profiles', 'delete', arn, '--dry-run'), /Delete the inference profile haiku-sales[^]*Nothing was changed/);
    await json('profiles', 'delete', arn, '--yes');
    assert.deepEqual((await json('profiles', 'list')).profiles, []);
    await fails(/ResourceNotFoundException/, 'profiles', 'show', made.id);
    assert.equal((await aws('profiles', 'create', '--amount', '3')).status, 2);
    assert.equal((await aws('profiles', 'nonsense')).status, 2);
    assert.equal((await aws('profiles', 'list', '--yes')).status, 2);
});

test('what the printed map says is a configuration that works', async (t) => {
    const { dir, json, text } = await account(t);
    await json('profiles', 'create', '--name', 'nova-sales', '--from', 'nova-lite', '--tag', 'costCenter=sales', '--yes');
    await json('profiles', 'create', '--name', 'nova-support', '--from', 'nova-lite', '--tag', 'costCenter=support', '--yes');
    const file = path.join(dir, 'mapped.yaml');
    fs.writeFileSync(file, `region: us-east-1\nstate_dir: ${dir}/other\n${await text('profiles', 'map')}`);
    const checked = await run(['check', '--config', file], { home: dir });
    assert.equal(checked.status, 0, checked.stderr);
});

test('projects are made, listed over pages and archived', async (t) => {
    const { sim, json, text, fails, misused } = await account(t);
    await sim.turn({ page_size: 2 });
    for (const name of ['a', 'b', 'c']) {
        await json('projects', 'create', '--name', name, '--tag', `costCenter=${name}`, '--yes');
    }
    const { projects } = await json('projects', 'list');
    assert.deepEqual(projects.map((p) => [p.name, p.status, p.tags.costCenter]), [['a', 'active', 'a'], ['b', 'active', 'b'], ['c', 'active', 'c']]);
    assert.match(await text('projects', 'archive', projects[1].id, '--dry-run'), /cannot be taken back/);
    await json('projects', 'archive', projects[1].id, '--yes');
    assert.equal((await json('projects', 'list')).projects[1].status, 'archived');
    await fails(/not_found_error/, 'projects', 'archive', 'proj_none', '--yes');
    await misused(/--tag costCenter=NAME is needed/, 'projects', 'create', '--name', 'x', '--dry-run');
});

test('cost tags are listed, activated and backfilled', async (t) => {
    const { json, text, fails, misused } = await account(t);
    assert.match(await text('tags', 'list'), /applicationId of cost_tags: is inactive: tollgate aws tags activate applicationId/);
    assert.match(await text('tags', 'activate', 'applicationId', 'environment', '--dry-run'), /Activate the cost allocation tag environment/);
    await json('tags', 'activate', 'applicationId', 'environment', '--yes');
    const { tags, notes } = await json('tags', 'list');
    assert.deepEqual(tags.filter((tag) => tag.status === 'Active').map((tag) => tag.key), ['costCenter', 'applicationId', 'environment']);
    assert.deepEqual(notes, []);
    await fails(/nobody: Tag keys not found/, 'tags', 'activate', 'nobody', '--yes');
    const month = new Date().toISOString().slice(0, 7);
    assert.equal((await json('tags', 'backfill', '--from', month, '--yes')).backfill.BackfillStatus, 'PROCESSING');
    await fails(/BackfillLimitExceededException/, 'tags', 'backfill', '--from', month, '--yes');
    await misused(/--from must be a month/, 'tags', 'backfill', '--from', 'May', '--dry-run');
    await misused(/--from is needed/, 'tags', 'backfill');
});

test('budgets, anomalies and alarms', async (t) => {
    const { dir, json, text, fails, misused } = await account(t, { publish: { metrics: { namespace: 'My/Limits', dimension_sets: [['Model'], ['CostCenter', 'Model']] } } });
    const budget = ['budgets', 'create', '--name', 'docs', '--amount', '4000', '--tag', 'costCenter=sales', '--email', 'a@example.com'];
    const { request, plan } = await json(...budget, '--dry-run');
    assert.deepEqual(request.NotificationsWithSubscribers.map((n) => n.Notification.Threshold), [80, 100]);
    assert.ok(plan.some((line) => line.includes('$4,000.00')), plan.join());
    await json(...budget, '--yes');
    await fails(/DuplicateRecordException/, ...budget, '--yes');
    await misused(/--email ADDRESS or --sns ARN is needed/, ...budget.slice(0, 8), '--yes');
    const docs = (await json('budgets', 'list')).budgets.find((b) => b.name === 'docs');
    assert.deepEqual([docs.limit_usd, docs.time_unit, docs.tag], [4000, 'MONTHLY', 'costCenter=sales']);
    assert.match(await text('budgets', 'list'), /docs +MONTHLY +costCenter=sales +\$4,000\.00/);

    await json('anomalies', 'create', '--name', 'sales', '--amount', '50', '--tag', 'costCenter=sales', '--email', 'a@example.com', '--yes');
    await json('anomalies', 'create', '--name', 'all', '--amount', '50', '--sns', 'arn:aws:sns:us-east-1:123456789012:t', '--yes');
    const found = await json('anomalies', 'list');
    assert.equal(found.anomalies[0].impact_usd, 42.25);
    assert.deepEqual(found.monitors.map((m) => m.type), ['DIMENSIONAL', 'CUSTOM', 'DIMENSIONAL']);
    assert.deepEqual(found.subscriptions.map((s) => s.frequency), ['DAILY', 'IMMEDIATE']);

    const alarm = ['alarms', 'create', '--name', 'denied', '--metric', 'RateLimitDenied', '--above', '10', '--dimension', 'Model=nova-lite'];
    assert.equal((await json(...alarm, '--dry-run')).request.Namespace, 'My/Limits');
    await json(...alarm, '--yes');
    assert.deepEqual((await json('alarms', 'list')).alarms.map((a) => [a.name, a.threshold, a.dimensions]), [['denied', 10, { Model: 'nova-lite' }]]);
    await misused(/--metric must be one of TotalRequests/, 'alarms', 'create', '--name', 'x', '--metric', 'Y', '--above', '1', '--dimension', 'Model=m');
    await misused(/--dimension Colour/, ...alarm, '--dimension', 'Colour=red', '--yes');
    await json(...alarm, '--dimension', 'CostCenter=sales', '--yes');
    await misused(/Published: Model; CostCenter,Model/, ...alarm, '--dimension', 'Application=docs', '--yes');
    await misused(/Published: Model; CostCenter,Model/, ...alarm.slice(0, 8), '--yes');
    const { widgets } = JSON.parse(await text('dashboard'));
    assert.deepEqual(widgets.map((w) => w.properties.title).filter((title) => title.includes('application')), []);
    assert.ok(JSON.stringify(widgets).includes('SCHEMA(\\\"My/Limits\\\", CostCenter,Model) GROUP BY CostCenter'), JSON.stringify(widgets));
    const checked = await run(['check', '--config', path.join(dir, 'tollgate.yaml')], { home: dir });
    assert.equal(JSON.parse(await text('policy')).Statement[0].Sid, 'InvokeModels');
    await fails(/has no assume_role/, 'policy', '--assume-role');
    assert.match(checked.stdout, /publish\.metrics: 2 sets of dimensions, up to 1338 custom metrics [^]*\$0\.30 each up to \$401\.40 a month/);
});

test('exports, logging, policies and the dashboard only tell', async (t) => {
    const { sim, json, text, misused } = await account(t, {
        publish: { metrics: {}, audit: { log_group: '/tollgate/audit' } },
        notify: [{ on: ['warn'], webhook: 'arn:aws:sns:us-east-1:123456789012:t' }],
        poll: { cloudwatch: '5m', cost_explorer: 'off', budgets: 'off', profiles: 'off' },
        assume_role: { arn: 'arn:aws:iam::123456789012:role/caller', session_tags: ['applicationId'] },
    });
    assert.equal((await json('exports', 'check')).iam_principal, false);
    await sim.turn({ setup: { exports: [{ name: 'cur', table: 'COST_AND_USAGE_REPORT', iam_principal: 'TRUE' }], logging: [{ textDataDeliveryEnabled: true }] } });
    assert.equal((await json('exports', 'check')).iam_principal, true);
    assert.match(await text('logging', 'status'), /logging is on[^]*Prompts and answers are in the records/);

    const sids = async (...words) => JSON.parse(await text('policy', ...words)).Statement.map((s) => s.Sid);
    // With assume_role it is the role that invokes: tollgate itself only takes it on.
    assert.deepEqual(await sids(), ['TakeOnRole', 'PublishMetrics', 'PublishAudit', 'Notify', 'ReadMetrics']);
    assert.deepEqual(await sids('--assume-role'), ['InvokeModels', 'InvokeMantle']);
    const mantle = JSON.parse(await text('policy', '--assume-role')).Statement[1]; // Anthropic's dialect goes there
    assert.deepEqual(mantle.Action.map((action) => action.split(':')), ['CreateInference', 'CountTokens', 'GetProject', 'ListTagsForResource'].map((a) => ['bedrock-mantle', a]));
    assert.deepEqual(JSON.parse(await text('policy', '--deny-bypass')).Statement[0].Condition.ArnNotLike['aws:PrincipalArn'],
        ['arn:aws:iam::123456789012:role/caller']);
    const [deny] = JSON.parse(await text('policy', '--deny-bypass', '--role', 'arn:aws:iam::123456789012:role/t')).Statement;
    assert.deepEqual([deny.Effect, deny.Condition.ArnNotLike['aws:PrincipalArn']], ['Deny', ['arn:aws:iam::123456789012:role/t']]);
    assert.ok(deny.Action.includes('bedrock:InvokeModel') && deny.Action.includes('bedrock-mantle:CreateInference'), deny.Action.join());
    const [invoke] = JSON.parse(await text('policy', '--assume-role')).Statement;
    assert.ok(invoke.Resource.includes(`arn:aws:bedrock:*::foundation-model/${HAIKU}`), JSON.stringify(invoke));
    assert.ok(invoke.Resource.includes(`arn:aws:bedrock:us-east-1:*:inference-profile/us.${HAIKU}`), JSON.stringify(invoke));
    const [taken] = JSON.parse(await text('policy')).Statement;
    assert.deepEqual([taken.Action, taken.Resource], [['sts:AssumeRole', 'sts:TagSession'], ['arn:aws:iam::123456789012:role/caller']]);
    const [own] = JSON.parse(await text('policy', '--tagged')).Statement;
    assert.deepEqual(own.Condition, { StringEquals: { 'aws:ResourceTag/costCenter': '${aws:PrincipalTag/costCenter}' } });
    await misused(/policies of their own/, 'policy', '--tagged', '--deny-bypass');
    for (const role of ['ARN', 'arn:aws:iam::123456789012:user/t', 'arn:aws:iam::1234:role/t', 'arn:aws:iam::123456789012:role/',
        'arn:aws:sts::123456789012:assumed-role/t/session', 'arn:aws:iam:us-east-1:123456789012:role/t']) {
        await misused(/--role goes with --deny-bypass and is the ARN of the role itself/, 'policy', '--deny-bypass', '--role', role);
    }
    await misused(/--role goes with --deny-bypass/, 'policy', '--role', 'arn:aws:iam::123456789012:role/t');
    const { widgets } = JSON.parse(await text('dashboard'));
    assert.ok(widgets.length >= 5 && widgets.every((w) => w.type === 'metric' && w.properties.metrics.length > 0));
});

test('a refusal names the IAM action; throttling and an outage are told apart', async (t) => {
    const { sim, fails } = await account(t);
    await sim.turn({ deny: 'DescribeBudgets ListCostAllocationTags /inference-profiles' });
    await fails(/allow bedrock:ListInferenceProfiles for the credentials of environment/, 'profiles', 'list');
    await fails(/allow budgets:ViewBudget for the credentials of environment/, 'budgets', 'list');
    await fails(/allow ce:ListCostAllocationTags/, 'tags', 'list');
    await sim.turn({ deny: '', services: { budgets: 'throttled', ce: 'down', bedrock: 'half' } });
    await fails(/budgets:ViewBudget is throttled/, 'budgets', 'list');
    await fails(/127\.0\.0\.1/, 'tags', 'list');
    await fails(/127\.0\.0\.1/, 'profiles', 'list');
});

test('prices that differ are shown, written, and count once they are in the file', async (t) => {
    const { sim, dir, json, text, fails } = await account(t);
    assert.deepEqual((await json('prices')).prices, []);
    assert.match(await text('prices'), /^No price that differs from those in use\.\n\d+ prices/);
    assert.ok((await json('prices', '--all')).prices.length >= 8);
    const row = (more) => ({ code: 'AmazonBedrock', model: 'Nova Lite', unit: '1K tokens', ...more });
    await sim.turn({
        page_size: 1,
        setup: {
            prices: [
                row({ usagetype: 'USE1-NovaLite-input-tokens', usd: '0.00007' }),
                row({ usagetype: 'USE1-NovaLite-output-tokens', usd: '0.00024' }),
                row({ usagetype: 'USE1-NovaLite-input-tokens-batch', usd: '0.00001' }),
                row({ usagetype: 'USE1-Nobody-input-tokens', model: 'Nobody 9', usd: '1' }),
            ],
        },
    });
    const { prices, unknown } = await json('prices');
    assert.deepEqual(prices, [{ model: 'amazon.nova-lite-v1:0', tokens: 'input', in_use_usd_per_million: 0.06, listed_usd_per_million: 0.07, state: 'differs' }]);
    assert.deepEqual(unknown, ['Nobody 9']);
    assert.match(await text('prices'), /nova-lite-v1:0 +input +0\.06 +0\.07 +differs/);

    const file = path.join(dir, 'prices.yaml');
    assert.match(await text('prices', '--write', file), /price: lines of 1 model/);
    await fails(/cannot be made/, 'prices', '--write', file);
    const lines = fs.readFileSync(file, 'utf8');
    assert.match(lines, /price: \{input: 0\.07, output: 0\.24, cache_read: 0\.015\}/);
    const config = path.join(dir, 'with-prices.yaml');
    fs.writeFileSync(config, `region: us-east-1\nstate_dir: ${dir}/other\nendpoints: ${JSON.stringify(sim.endpoints)}\n${lines}`);
    const again = await run(['aws', 'prices', '--json', '--config', config], { home: dir, env: { AWS_EC2_METADATA_DISABLED: 'true', ...sim.credentials } });
    assert.equal(again.status, 0, again.stderr);
    assert.deepEqual(JSON.parse(again.stdout).prices.filter((p) => p.model.includes('nova-lite')), []);
});

test('a bill of CUR 2.0 is imported, again, and summed by principal and tag', async (t) => {
    const { dir, json, text, fails, misused } = await account(t);
    const file = path.join(dir, 'cur.csv.gz');
    const line = (principal, tags, cost) => `2026-11-01 00:00:00.000,2026-11-20 00:00:00.000,Usage,AmazonBedrock,USE1-in,1,${cost},${principal},"${JSON.stringify(tags).replaceAll('"', '""')}"`;
    fs.writeFileSync(file, gzipSync([
        'bill_billing_period_start_date,line_item_usage_start_date,line_item_line_item_type,line_item_product_code,line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,line_item_iam_principal,resource_tags',
        line('arn:aws:sts::123456789012:assumed-role/R/a', { user_costCenter: 'sales' }, '1.25'),
        line('arn:aws:sts::123456789012:assumed-role/R/\u001b[31mb', { user_costCenter: 'support' }, '0.5'),
        'broken'].join('\n')));
    await fails(/no bill was imported yet/, 'cur', 'show');
    for (let i = 0; i < 2; i++) {
        const { counts } = await json('cur', 'import', file);
        assert.deepEqual([counts.lines, counts.taken, counts.malformed, counts.usd], [3, 2, 1, 1.75]);
    }
    const { by, rows } = await json('cur', 'show');
    assert.deepEqual([by, rows.map((r) => [r.key.model, r.usd])], [['principal', 'model'], [['in', 1.25], ['in', 0.5]]]);
    assert.deepEqual((await json('cur', 'show', '--by', 'costCenter', '--month', '2026-11')).rows.map((r) => [r.key, r.usd]),
        [[{ costCenter: 'sales' }, 1.25], [{ costCenter: 'support' }, 0.5]]);
    assert.deepEqual((await json('cur', 'show', '--month', '2026-10')).rows, []);
    assert.match(await text('cur', 'show', '--month', '2026-10'), /^No line of a bill\.$/m);
    const shown = await text('cur', 'show');
    assert.match(shown, /^PRINCIPAL +MODEL +COST +LINES +FROM +TO\n/);
    assert.ok(!shown.includes('\u001b') && shown.includes('$1.25'), shown);
    await misused(/--by must be/, 'cur', 'show', '--by', 'principal,,model');
    await misused(/--month must be/, 'cur', 'show', '--month', '2026-1x');
    assert.equal(fs.statSync(path.join(dir, 'state', 'cur.db')).mode & 0o777, 0o600);
    await fails(/cannot be opened/, 'cur', 'import', path.join(dir, 'nothing'));
});

test('the parts of an export are imported one after another', async (t) => {
    const { dir, json, text, fails } = await account(t);
    const head = 'bill_billing_period_start_date,line_item_usage_start_date,line_item_product_code,product,line_item_usage_type,line_item_unblended_cost,line_item_iam_principal';
    const part = (name, cost, month = '11') => {
        const file = path.join(dir, name);
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, gzipSync(`${head}\n2026-${month}-01,2026-${month}-20,x1y2,"{""product_name"":""Claude 3 Haiku (Amazon Bedrock Edition)""}",USE1-MP:USE1_InputTokenCount-Units,${cost},arn:a\n`));
        return file;
    };
    const shown = async () => (await json('cur', 'show')).rows.map((r) => [r.key.model, r.usd, r.lines]);
    await json('cur', 'import', part('docs-00001.csv.gz', 1));
    await json('cur', 'import', part('docs-00002.csv.gz', 2));
    assert.deepEqual(await shown(), [['Claude 3 Haiku', 3, 2]]);
    const { files } = await json('cur', 'import', part('again/docs-00001.csv.gz', 5));
    assert.deepEqual(files.map((f) => [f.period, f.file, f.usd]), [['2026-11', 'docs-00001', 5], ['2026-11', 'docs-00002', 2]]);
    assert.deepEqual(await shown(), [['Claude 3 Haiku', 7, 2]]);
    await json('cur', 'import', part('october/docs-00001.csv.gz', 10, '10'), part('docs-00001.csv.gz', 1));
    assert.deepEqual(await shown(), [['Claude 3 Haiku', 13, 3]]);
    await fails(/two of the files are called docs-00001/, 'cur', 'import', part('docs-00001.csv.gz', 1), part('again/docs-00001.csv.gz', 1));
    await json('cur', 'import', '--replace', part('docs-00001.csv.gz', 4));
    assert.deepEqual(await shown(), [['Claude 3 Haiku', 14, 2]]);
    assert.match(await text('cur', 'import', part('another.csv.gz', 8)), /2026-11: another, imported /);
    assert.deepEqual((await json('cur', 'show', '--month', '2026-11')).rows.map((r) => r.usd), [8]);
});
