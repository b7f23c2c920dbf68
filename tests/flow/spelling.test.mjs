// A caller cannot escape a limit by spelling: every way to write a model counts under the one model, or is refused.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';

import { agent, converseBody } from '../lib/calls.mjs';
import { configuration, Core, Simulation, until } from '../lib/harness.mjs';

const BASE = 'anthropic.claude-haiku-4-5-20251001-v1:0';
const US = `us.${BASE}`;
const ACCOUNT = '123456789012';
const profile = (id) => `arn:aws:bedrock:us-east-1:${ACCOUNT}:application-inference-profile/${id}`;
const SALES = profile('sales1sales1');
const SUPPORT = profile('support1supp');
const MODELS = [
    { name: 'haiku', id: US, profiles: { sales: SALES, support: SUPPORT } },
    { name: 'sales', id: profile('alias1alias1'), base: 'haiku' },
    { name: 'gpt-oss', id: 'openai.gpt-oss-120b-1:0' },
    { name: 'sonnet', id: 'anthropic.claude-sonnet-4-6' },
];
const LIMITED = { tokens: 10, max: 5 };

async function startBoth(t, more = {}) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { models: MODELS, ...more }));
    return { sim, core };
}

// The path goes out as it is written here, byte for byte; headers too, where one name may come twice.
function send(core, key, path, body, headers = []) {
    const { hostname, port } = new URL(core.url);
    return new Promise((resolve, reject) => {
        const sent = http.request({
            hostname, port, path, method: 'POST', agent,
            headers: ['Host', `${hostname}:${port}`, 'Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body)),
                ...(key ? ['Authorization', `Bearer ${key.bearerToken}`] : []), ...headers],
        }, (answer) => {
            const pieces = [];
            answer.on('data', (bytes) => pieces.push(bytes));
            answer.on('end', () => {
                const text = Buffer.concat(pieces).toString();
                resolve({ status: answer.statusCode, headers: answer.headers, text, json: text.startsWith('{') ? JSON.parse(text) : null });
            });
        });
        sent.on('error', reject);
        sent.setTimeout(20000, () => sent.destroy(new Error(`no answer: ${path}`)));
        sent.end(body);
    });
}

const converse = (core, key, segment, headers) => send(core, key, `/model/${segment}/converse`, converseBody('x', { maxTokens: LIMITED.max }), headers);
const everyByte = (text) => [...Buffer.from(text)].map((b) => `%${b.toString(16).padStart(2, '0')}`).join('');
const escaped = (text) => `"${[...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;

const SAME = {
    name: 'haiku',
    'with its geography': US,
    'without geography': BASE,
    'another geography': `eu.${BASE}`,
    global: `global.${BASE}`,
    apac: `apac.${BASE}`,
    japan: `jp.${BASE}`,
    australia: `au.${BASE}`,
    'colon encoded': encodeURIComponent(US),
    'colon encoded in lower case': US.replace(':', '%3a'),
    'every byte encoded': everyByte(US),
    'the name encoded': everyByte('haiku'),
    'foundation-model ARN': `arn:aws:bedrock:us-east-1::foundation-model/${BASE}`,
    'foundation-model ARN, encoded': encodeURIComponent(`arn:aws:bedrock:us-east-1::foundation-model/${BASE}`),
    'foundation-model ARN of another Region': `arn:aws:bedrock:eu-west-1::foundation-model/${BASE}`,
    'inference-profile ARN': `arn:aws:bedrock:us-east-1:${ACCOUNT}:inference-profile/${US}`,
    'inference-profile ARN, encoded': encodeURIComponent(`arn:aws:bedrock:us-east-1:${ACCOUNT}:inference-profile/global.${BASE}`),
    'its application profile': encodeURIComponent(SALES),
    'its application profile, not encoded': SALES,
    'an alias': 'sales',
    'the alias\'s own profile': encodeURIComponent(profile('alias1alias1')),
};

const OTHER = {
    'upper case': US.toUpperCase(),
    'name in upper case': 'HAIKU',
    'two geographies': `us.eu.${BASE}`,
    'a geography that is none': `xx.${BASE}`,
    'encoded twice': encodeURIComponent(encodeURIComponent(US)),
    'a space behind it': `${US}%20`,
    'a space before it': `%20${US}`,
    'a tab behind it': `${US}%09`,
    'a line break behind it': `${US}%0d%0a`,
    'NUL behind it': `${US}%00`,
    'a slash behind it': `${US}/`,
    'an encoded slash behind it': `${US}%2F`,
    'a dot segment': `./${US}`,
    'a dot segment, encoded': `%2e/${US}`,
    'a segment too much': `x/${US}`,
    'another one\'s dots': `nova/../${US}`,
    'a wrong escape': US.replace(':', '%zz'),
    'an escape cut short': `${US}%3`,
    'a semicolon': `${US};v=1`,
    'a version less': US.replace(':0', ''),
    'another version': US.replace(':0', ':1'),
    'full-width letters': everyByte('ｕs.'.concat(BASE)),
    'a Cyrillic letter': everyByte(US.replace('a', 'а')),
    'overlong UTF-8': US.replace('.', '%c0%ae'),
    'empty': '',
    'a profile nobody mapped': encodeURIComponent(profile('unknown1unkn')),
    'the same ID at another account': encodeURIComponent(SALES.replace(ACCOUNT, '999999999999')),
    'a prompt router': encodeURIComponent(`arn:aws:bedrock:us-east-1:${ACCOUNT}:default-prompt-router/anthropic.claude:1`),
    'a prompt': encodeURIComponent(`arn:aws:bedrock:us-east-1:${ACCOUNT}:prompt/ABCDEFGHIJ`),
    'an endpoint': encodeURIComponent(`arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/x`),
    'an ARN in upper case': encodeURIComponent(SALES.replace('arn:', 'ARN:')),
    'an ARN with nothing behind': encodeURIComponent(`arn:aws:bedrock:us-east-1:${ACCOUNT}:application-inference-profile/`),
};

test('every spelling of a model counts under the one model', async (t) => {
    const { sim, core } = await startBoth(t, { limits: [{ name: 'all', model: 'haiku', requests: 10000, window: 'month' }] });
    const key = await core.key('app', 'sales');
    let n = 0;
    for (const [what, segment] of Object.entries(SAME)) {
        const { status, text } = await converse(core, key, segment);
        assert.equal(status, 200, `${what}: ${text}`);
        assert.equal((await core.limit('all')).used, ++n, what);
    }
    const { rows } = await core.json('usage', '--by', 'model');
    assert.deepEqual(rows.map((r) => [r.key.model, r.requests]), [['haiku', n]]);
    assert.equal((await sim.settled()).completed, n);
});

test('a limit that is spent denies every spelling', async (t) => {
    const { sim, core } = await startBoth(t, { limits: [{ name: 'spent', model: 'haiku', requests: 1, window: 'month' }] });
    const key = await core.key('app', 'sales');
    assert.equal((await converse(core, key, 'haiku')).status, 200);
    for (const [what, segment] of Object.entries(SAME)) {
        for (const operation of ['converse', 'converse-stream', 'invoke', 'invoke-with-response-stream']) {
            const body = operation.startsWith('converse') ? converseBody('x') : '{"anthropic_version":"bedrock-2023-05-31","max_tokens":5,"messages":[]}';
            const { status, headers, text } = await send(core, key, `/model/${segment}/${operation}`, body);
            assert.equal(status, 400, `${what} ${operation}: ${text}`);
            assert.equal(headers['x-tollgate-limit'], 'spent', `${what} ${operation}: ${text}`);
        }
    }
    assert.equal((await sim.settled()).calls, 1);
});

for (const unknown_models of ['refuse', 'allow']) {
    test(`what is no spelling of a model is refused, or never reaches the model (unknown_models: ${unknown_models})`, async (t) => {
        const { sim, core } = await startBoth(t, {
            unknown_models, limits: [{ name: 'spent', model: 'haiku', requests: 0, window: 'month' }],
        });
        const key = await core.key('app', 'sales');
        const passed = [];
        for (const [what, segment] of Object.entries(OTHER)) {
            const { status, text } = await converse(core, key, segment);
            if (status === 200) {
                passed.push(what);
            } else {
                assert.ok(status >= 400 && status < 500, `${what}: ${status} ${text}`);
            }
        }
        const ledger = await sim.settled();
        if (unknown_models === 'refuse') {
            assert.deepEqual(passed, []);
            assert.equal(ledger.calls, 0);
            assert.equal((await core.json('status')).totals.rejected, Object.keys(OTHER).length);
        }
        for (const [id, tally] of Object.entries(ledger.by_model)) {
            assert.ok(![US, BASE, SALES].includes(id) || tally.completed === 0, `${id} was called`);
        }
    });
}

test('the model in a body: escapes, twins, members given twice', async (t) => {
    const { sim, core } = await startBoth(t, {
        limits: [
            { name: 'gpt', model: 'gpt-oss', requests: 1, window: 'month' },
            { name: 'sonnet', model: 'sonnet', requests: 1, window: 'month' },
            { name: 'haiku', model: 'haiku', requests: 1, window: 'month' },
        ],
    });
    const key = await core.key('app', 'sales');
    const shapes = {
        '/v1/chat/completions': (model) => `{"model":${model},"messages":[{"role":"user","content":"x"}],"max_tokens":5}`,
        '/openai/v1/responses': (model) => `{"model":${model},"input":"x","max_output_tokens":5}`,
        '/anthropic/v1/messages': (model) => `{"model":${model},"messages":[{"role":"user","content":"x"}],"max_tokens":5}`,
        '/v1/invocations': (model) => `{"model":${model},"prompt":{"messages":[{"role":"user","content":"x"}],"parameters":{"max_tokens":5}}}`,
    };
    const names = {
        '/v1/chat/completions': ['gpt-oss', 'openai.gpt-oss-120b-1:0', 'openai.gpt-oss-120b', 'us.openai.gpt-oss-120b-1:0'],
        '/openai/v1/responses': ['gpt-oss', 'openai.gpt-oss-120b-1:0', 'openai.gpt-oss-120b'],
        '/anthropic/v1/messages': ['sonnet', 'anthropic.claude-sonnet-4-6', 'global.anthropic.claude-sonnet-4-6'],
        '/v1/invocations': ['haiku', US, BASE, `global.${BASE}`, SALES, 'sales'],
    };
    for (const path of ['/v1/chat/completions', '/anthropic/v1/messages', '/v1/invocations']) {
        const { status, text } = await send(core, key, path, shapes[path](JSON.stringify(names[path][0])));
        assert.equal(status, 200, `${path}: ${text}`);
    }
    for (const [path, spellings] of Object.entries(names)) {
        for (const spelling of spellings) {
            for (const written of [JSON.stringify(spelling), escaped(spelling)]) {
                const { status, headers, text } = await send(core, key, path, shapes[path](written));
                assert.equal(status, 429, `${path} ${written}: ${text}`);
                assert.ok(headers['x-tollgate-limit'], `${path} ${written}: ${text}`);
            }
        }
        const first = JSON.stringify(spellings[0]);
        for (const [what, body] of Object.entries({
            'given twice': shapes[path](`"amazon.nova-lite-v1:0","model":${first}`),
            'given twice, the other first': shapes[path](`${first},"model":"amazon.nova-lite-v1:0"`),
            'given twice, once with escapes': shapes[path](`"amazon.nova-lite-v1:0","\\u006dodel":${first}`),
            'a space behind it': shapes[path](JSON.stringify(`${spellings[0]} `)),
            'NUL behind it': shapes[path](`"${spellings[0]}\\u0000"`),
            'a list': shapes[path](`[${first}]`),
            'null': shapes[path]('null'),
        })) {
            const { status, headers, text } = await send(core, key, path, body);
            assert.ok(status >= 400 && status < 500, `${path} ${what}: ${status} ${text}`);
            assert.equal(headers['x-tollgate-limit'], undefined, `${path} ${what} is refused as a mistake, not by a limit`);
        }
    }
    assert.equal((await sim.settled()).calls, 3);
});

test('a maximum cannot be hidden: members given twice, escapes, numbers of another form', async (t) => {
    const { sim, core } = await startBoth(t, { limits: [{ name: 'month', tokens: 1000, window: 'month' }] });
    const key = await core.key('app', 'sales');
    const message = '"messages":[{"role":"user","content":"x"}]';
    const typed = '"messages":[{"role":"user","content":[{"text":"x"}]}]';
    const tries = {
        '/model/haiku/converse': [
            `{${typed},"inferenceConfig":{"maxTokens":5,"maxTokens":5000}}`,
            `{${typed},"inferenceConfig":{"maxTokens":5},"inferenceConfig":{"maxTokens":5000}}`,
            `{${typed},"inferenceConfig":{"maxTokens":5},"\\u0069nferenceConfig":{"maxTokens":5000}}`,
            `{${typed},"inferenceConfig":{"maxTokens":5,"max\\u0054okens":5000}}`,
            `{${typed},"inferenceConfig":{"maxTokens":5},"additionalModelRequestFields":{"max_tokens":5000}}`,
            `{${typed},"inferenceConfig":{"maxTokens":5e3}}`,
            `{${typed},"inferenceConfig":{"maxTokens":5000.0}}`,
            `{${typed},"inferenceConfig":{"maxTokens":"5000"}}`,
            `{${typed},"inferenceConfig":{"maxTokens":99999999999999999999}}`,
        ],
        '/model/haiku/invoke': [
            `{"anthropic_version":"bedrock-2023-05-31",${message},"max_tokens":5,"max_tokens":5000}`,
            `{"anthropic_version":"bedrock-2023-05-31",${message},"max_tokens":5,"max\\u005ftokens":5000}`,
            `{"anthropic_version":"bedrock-2023-05-31",${message},"max_tokens":5e3}`,
        ],
        '/v1/chat/completions': [
            `{"model":"gpt-oss",${message},"max_tokens":5,"max_completion_tokens":5000}`,
            `{"model":"gpt-oss",${message},"max_tokens":5,"max_tokens":5000}`,
            `{"model":"gpt-oss",${message},"max_tokens":500,"n":5}`,
            `{"model":"gpt-oss",${message},"max_tokens":500,"n":1,"n":5}`,
        ],
        '/v1/responses': [`{"model":"gpt-oss","input":"x","max_output_tokens":5,"max_output_tokens":5000}`],
        '/anthropic/v1/messages': [`{"model":"sonnet",${message},"max_tokens":5,"max_tokens":5000}`],
        '/v1/invocations': [
            `{"model":"haiku","prompt":{${message},"parameters":{"max_tokens":5,"max_tokens":5000}}}`,
            `{"model":"haiku","prompt":{${message},"parameters":{"max_tokens":5}},"prompt":{${message},"parameters":{"max_tokens":5000}}}`,
        ],
    };
    for (const [path, bodies] of Object.entries(tries)) {
        for (const body of bodies) {
            const { status, text } = await send(core, key, path, body);
            assert.ok(status >= 400 && status < 500, `${path} ${body}: ${status} ${text}`);
        }
    }
    assert.equal((await sim.settled()).calls, 0, 'each is denied as the larger, or refused');
});

test('an ARN of another account is refused with 403, in every dialect, once ours is known', async (t) => {
    const foreign = (arn) => arn.replace(ACCOUNT, '999999999999');
    const { sim, core } = await startBoth(t, {
        unknown_models: 'allow', models: [...MODELS, { name: 'shared', id: foreign(profile('shared1share')), base: 'haiku' }],
    });
    const key = await core.key('app', 'sales');
    const arns = [`arn:aws:bedrock:us-east-1:${ACCOUNT}:inference-profile/${US}`, SALES, profile('unknown1unkn')].map(foreign);
    const isRefused = async () => (await converse(core, key, encodeURIComponent(arns[0]))).status === 403;
    await until('STS to say whose account it is', isRefused);
    const { calls } = await sim.settled();
    for (const arn of arns) {
        for (const segment of [encodeURIComponent(arn), arn, everyByte(arn)]) {
            const { status, headers, json } = await converse(core, key, segment);
            assert.deepEqual([status, headers['x-amzn-errortype']], [403, 'AccessDeniedException'], segment);
            assert.match(json.message, /another AWS account/);
        }
        for (const [path, body] of Object.entries({
            '/v1/chat/completions': { model: arn, messages: [{ role: 'user', content: 'x' }] },
            '/v1/invocations': { model: arn, prompt: { messages: [{ role: 'user', content: 'x' }] } },
        })) {
            const { status, text } = await send(core, key, path, JSON.stringify(body));
            assert.equal(status, 403, `${path} ${arn}: ${text}`);
        }
    }
    assert.equal((await sim.settled()).calls, calls, 'none reached AWS');
    // What the file names is the operator's word; a foundation model is nobody's.
    for (const segment of ['shared', encodeURIComponent(foreign(profile('shared1share'))), `arn:aws:bedrock:us-east-1::foundation-model/${BASE}`]) {
        assert.equal((await converse(core, key, segment)).status, 200, segment);
    }
});

test('with assume_role, ours is the account of the role', async (t) => {
    const { core } = await startBoth(t, { assume_role: { arn: 'arn:aws:iam::999999999999:role/BedrockCaller' } });
    const key = await core.key('app', 'sales');
    const geo = (account) => encodeURIComponent(`arn:aws:bedrock:us-east-1:${account}:inference-profile/${US}`);
    assert.equal((await converse(core, key, geo(ACCOUNT))).status, 403);
    assert.equal((await converse(core, key, geo('999999999999'))).status, 200);
});

test('a profile of another cost center is refused with 403, in every dialect', async (t) => {
    const { sim, core } = await startBoth(t, { tags: { from_caller: ['environment', 'costCenter'] } });
    const key = await core.key('app', 'sales');
    const support = await core.key('app', 'support');
    const spellings = [encodeURIComponent(SUPPORT), SUPPORT, everyByte(SUPPORT)];
    for (const segment of spellings) {
        for (const headers of [[], ['x-tollgate-tags', 'costCenter=support']]) {
            const { status, headers: h, text } = await converse(core, key, segment, headers);
            assert.deepEqual([status, h['x-amzn-errortype']], [403, 'AccessDeniedException'], `${segment}: ${text}`);
        }
        assert.equal((await converse(core, support, segment)).status, 200);
    }
    const chat = await send(core, key, '/v1/chat/completions', JSON.stringify({ model: SUPPORT, messages: [{ role: 'user', content: 'x' }] }));
    assert.equal(chat.status, 403, chat.text);
    const workflow = await send(core, key, '/v1/invocations',
        JSON.stringify({ model: SUPPORT, prompt: { messages: [{ role: 'user', content: 'x' }] }, tags: { costCenter: 'support' } }));
    assert.deepEqual([workflow.status, workflow.json.outcome], [403, 'failed'], workflow.text);
    // A model without a profile asked for goes to the profile of the key's own cost center.
    assert.equal((await converse(core, key, 'haiku', ['x-tollgate-tags', 'costCenter=support'])).status, 200);
    const ledger = await sim.settled();
    assert.deepEqual(Object.fromEntries(Object.entries(ledger.by_model).map(([id, m]) => [id, m.completed])), { [SUPPORT]: 3, [SALES]: 1 });
});

test('tags cannot be invented: the key\'s stay, values outside the list are refused, spellings of a key are one key', async (t) => {
    const { core } = await startBoth(t, {
        tags: { from_caller: ['environment', 'costCenter'], values: { costCenter: ['sales', 'support'], environment: ['prod', 'test'] } },
        limits: [{ name: 'centers', per: ['costCenter'], requests: 1000, window: 'month' },
            { name: 'environments', per: ['environment'], requests: 1000, window: 'month' }],
    });
    const key = await core.key('app', 'sales');
    const free = await core.json('key', 'add', '--application', 'free');
    const tagged = (k, value, name = 'x-tollgate-tags') => converse(core, k, 'haiku', [name, value]);

    for (const name of ['x-tollgate-tags', 'X-Tollgate-Tags', 'X-TOLLGATE-TAGS']) {
        const { status, headers } = await tagged(key, 'costCenter=support,applicationId=other,team=mine', name);
        assert.equal(status, 200, name);
        assert.deepEqual(headers['x-tollgate-tags-ignored'].split(',').sort(), ['applicationId', 'team'], name);
    }
    for (const spelling of ['costCenter=support', 'cost_center=support', 'costcenter=support', ' costCenter = support ']) {
        const { status, headers, text } = await tagged(key, spelling);
        assert.equal(status, 200, `${spelling}: ${text}`);
        assert.ok(headers['x-tollgate-tags-ignored'] === undefined || !spelling.includes('costCenter'), spelling);
    }
    for (const invented of ['costCenter=invented', 'costCenter=SALES', 'costCenter=sales.', 'costCenter=sales/x', 'environment=Prod', 'environment=prod2']) {
        const { status, headers, text } = await tagged(free, invented);
        assert.deepEqual([status, headers['x-amzn-errortype']], [400, 'ValidationException'], `${invented}: ${text}`);
    }
    for (const wrong of ['environment=a;b', 'environment=', 'environment', '=x', `environment=${'x'.repeat(200)}`, 'environment=pr\u00e9']) {
        const { status, text } = await tagged(free, wrong);
        assert.equal(status, 400, `${wrong}: ${text}`);
    }
    // In the body, and twice in headers: the last stands, and it is checked like any other.
    const metadata = (m) => send(core, free, '/model/haiku/converse', converseBody('x', { maxTokens: 5, metadata: m }));
    assert.equal((await metadata({ environment: 'invented' })).status, 400);
    assert.equal((await metadata({ environment: 'test' })).status, 200);
    const twice = await converse(core, free, 'haiku', ['x-tollgate-tags', 'environment=prod', 'X-Tollgate-Tags', 'environment=invented']);
    assert.equal(twice.status, 400);
    const openai = await send(core, free, '/v1/chat/completions',
        JSON.stringify({ model: 'gpt-oss', messages: [{ role: 'user', content: 'x' }], metadata: { environment: 'invented' } }));
    assert.equal(openai.status, 400, openai.text);

    for (const line of (await core.calls()).filter((l) => l.principal === key.accessKeyId)) {
        assert.deepEqual([line.tags.costCenter, line.tags.applicationId, line.tags.team], ['sales', 'app', undefined]);
    }
    const values = (limit, tag) => limit.groups.map((g) => g.group[tag] ?? '').filter(Boolean).sort();
    assert.deepEqual(values(await core.limit('centers'), 'costCenter'), ['none', 'sales'], 'no fresh counter');
    assert.deepEqual(values(await core.limit('environments'), 'environment'), ['none', 'test'], 'no fresh counter');
});

test('a key cannot be spelled: two of them, another scheme, another case', async (t) => {
    const { sim, core } = await startBoth(t);
    const key = await core.key('app', 'sales');
    const other = await core.key('other', 'support');
    const body = converseBody('x', { maxTokens: 5 });
    const path = '/model/haiku/converse';
    for (const [what, headers] of Object.entries({
        'scheme in upper case': ['Authorization', `BEARER ${key.bearerToken}`],
        'scheme in lower case': ['authorization', `bearer ${key.bearerToken}`],
        'header in upper case': ['AUTHORIZATION', `Bearer ${key.bearerToken}`],
    })) {
        const { status, text } = await send(core, null, path, body, headers);
        assert.equal(status, 200, `${what}: ${status} ${text}`);
    }
    for (const [what, headers] of Object.entries({
        'two keys': ['Authorization', `Bearer ${key.bearerToken}`, 'Authorization', `Bearer ${other.bearerToken}`],
        'two keys of two schemes': ['Authorization', `Bearer ${key.bearerToken}`, 'x-api-key', other.bearerToken],
        'upper case': ['Authorization', `Bearer ${key.bearerToken.toUpperCase()}`],
        'something behind it': ['Authorization', `Bearer ${key.bearerToken} x`],
        'two in one': ['Authorization', `Bearer ${key.bearerToken},Bearer ${other.bearerToken}`],
        'the ID alone': ['Authorization', `Bearer ${key.accessKeyId}`],
        'basic': ['Authorization', `Basic ${Buffer.from(`${key.accessKeyId}:${key.secretAccessKey}`).toString('base64')}`],
        'none': [],
        'tollgate\'s own headers': ['x-tollgate-principal', key.accessKeyId],
    })) {
        const { status, text } = await send(core, null, path, body, headers);
        assert.ok([400, 403].includes(status), `${what}: ${status} ${text}`);
    }
    const ledger = await sim.settled();
    for (const line of (await core.calls()).filter((l) => l.outcome === 'approved')) {
        assert.equal(line.principal, key.accessKeyId);
    }
    assert.equal(ledger.completed, 3);
});
