// Writes the seed inputs of every fuzz target into corpus/NAME/. Run: node tests/fuzz/make-corpus.mjs
// Files that fuzzing added stay as they are: found-* (faults that were mended) and grown-* (each reaches code that no seed does).
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), 'corpus');
const seed = (n) => Buffer.from([n >> 8, n & 255]);

function put(target, name, ...parts) {
  const bytes = Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p) : p)));
  if (bytes.length >= 4096) throw new Error(`${target}/${name} is too long`);
  mkdirSync(join(root, target), { recursive: true });
  writeFileSync(join(root, target, name), bytes);
}
function putAll(target, texts, prefix = () => '', name = 'seed') {
  texts.forEach((text, i) => put(target, `${name}-${String(i + 1).padStart(2, '0')}`, prefix(i), text));
}
const seeded = (i) => seed([0, 1, 300, 4001, 31337][i % 5]);

// --- HTTP/1.1 ---
putAll('http1_request', [
  'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /model/m/converse HTTP/1.1\r\nHost: a:8088\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
  'POST /x HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n0\r\n\r\n',
  'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'GET / HTTP/1.1\nHost: a\n\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nX: one\r\n two\r\n\r\n',
  'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
  '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost:\r\nX-Empty:\r\nX-Blank: \t \r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nUpgrade: h2c\r\nConnection: upgrade, HTTP2-Settings\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n',
  'GET /' + 'a'.repeat(300) + '?x=%2F HTTP/1.1\r\nHost: [::1]:80\r\nX-\x80: \xff\r\n\r\n',
  `GET / HTTP/1.1\r\nHost: a\r\n${'x:1\r\n'.repeat(101)}\r\n`,
], seeded);
putAll('http1_response', [
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/vnd.amazon.eventstream\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 204\r\nContent-Length: 3\r\n\r\n',
  'HTTP/1.0 200 \r\n\r\n',
  'HTTP/1.1 429 Too Many Requests\r\nx-amzn-ErrorType: ThrottlingException:http://x/\r\nContent-Length: 20\r\nConnection: close\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
  'HTTP/1.1 999 X\r\n\r\n',
  'HTTP/1.1 20 OK\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
  'ICY 200 OK\r\n\r\n',
], (i) => Buffer.from([i % 2]));
putAll('chunked', [
  '5\r\nhello\r\n0\r\n\r\n',
  '5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: yes\r\nOther: no\r\n\r\n',
  'A\r\n0123456789\r\n00000\r\n\r\nPOST / HTTP/1.1\r\n',
  '5\r\nhello0\r\n\r\n',
  '5\nhello\n0\n\n',
  '10000000000000000\r\n',
  '7fffffffffffffff\r\nabc',
  '-1\r\n\r\n',
  '0\r\n: x\r\n\r\n',
  ' 5\r\nhello\r\n',
  '1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n',
  '3;' + 'e'.repeat(260) + '\r\nabc\r\n0\r\n\r\n',
], seeded);

// --- JSON ---
putAll('json_scan', [
  '{}', '[]', '0', '-0', '"a"', 'null', ' { "a" : [ 1 , 2.5e-3 , true , false , null ] } ',
  '{"a":"\\u00e9\\ud83d\\ude00\\n\\"\\\\","\\u0061":1}',
  '"\\ud83d"', '"\\u0000"', '{"a\\u0000b":1}', '[1e400]', '[92233720368547758070]', '01', '[1,]',
  '['.repeat(64) + ']'.repeat(64), '['.repeat(65) + ']'.repeat(65),
  Buffer.from('22c3a9f09f9880eda080c08022', 'hex'), '"' + 'plain text of some length '.repeat(4) + '\\t"',
  '{"a":{"b":[{"c":-9223372036854775808}]},"a":2}',
]);

// --- event streams ---
const crcTable = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n >>> 0;
});
const crc = (b) => {
  let c = 0xffffffff;
  for (const x of b) c = crcTable[(c ^ x) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
};
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b; };
const typed = (name, type, value) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([type]), value]);
const text = (name, value) => typed(name, 7, Buffer.concat([Buffer.from([value.length >> 8, value.length & 255]), Buffer.from(value)]));
function frame(headers, payload) {
  const h = Buffer.concat(headers), p = Buffer.from(payload);
  const prelude = Buffer.concat([u32(h.length + p.length + 16), u32(h.length)]);
  const body = Buffer.concat([prelude, u32(crc(prelude)), h, p]);
  return Buffer.concat([body, u32(crc(body))]);
}
const event = (type, json) => frame([text(':event-type', type), text(':content-type', 'application/json'), text(':message-type', 'event')],
  typeof json === 'string' ? json : JSON.stringify(json));
const exception = (type, message) => frame([text(':exception-type', type), text(':message-type', 'exception')], JSON.stringify({ message }));
const usage = (more) => ({ inputTokens: 12, outputTokens: 34, totalTokens: 46, ...more });
const start = event('messageStart', { role: 'assistant', p: 'abc' });
const delta = (t) => event('contentBlockDelta', { contentBlockIndex: 0, delta: { text: t }, p: 'abcdefghij' });
const stop = event('messageStop', { stopReason: 'end_turn' });
const metadata = (more) => event('metadata', { usage: usage(more), metrics: { latencyMs: 120 } });
const streams = [
  Buffer.concat([start, delta('Hello'), delta(' world é'), stop, metadata()]),
  Buffer.concat([start, delta('a'), exception('throttlingException', 'slow down')]),
  Buffer.concat([start, frame([text(':message-type', 'error'), text(':error-code', 'InternalFailure'), text(':error-message', 'x')], '')]),
  Buffer.concat([metadata({ cacheReadInputTokens: 5, cacheWriteInputTokens: 7, cacheDetails: [{ ttl: '1h', inputTokens: 3 }, { ttl: '5m', inputTokens: 4 }] })]),
  Buffer.concat([event('contentBlockDelta', { delta: { toolUse: { input: '{"a":' } } }), event('contentBlockDelta', { delta: { reasoningContent: { text: 'hm', signature: 'zz' } } })]),
  frame([], ''), frame([], 'payload only'),
  frame([typed('t', 0, Buffer.alloc(0)), typed('f', 1, Buffer.alloc(0)), typed('b', 2, Buffer.alloc(1)), typed('s', 3, Buffer.alloc(2)), typed('i', 4, Buffer.alloc(4)),
    typed('l', 5, Buffer.alloc(8)), typed('y', 6, Buffer.from([0, 2, 1, 2])), typed('d', 8, Buffer.alloc(8)), typed('u', 9, Buffer.alloc(16))], '{}'),
  Buffer.concat([delta('cut'), delta('in two')]).subarray(0, 190),
  event('metadata', '{"usage":null}'), event('contentBlockDelta', '{"delta":'), event('metadata', '{"usage":{"inputTokens":1,"outputTokens":2}'),
  Buffer.concat([metadata(), metadata({ inputTokens: 99 })]),
];
putAll('eventstream', streams, seeded);
put('eventstream', 'seed-bad-crc', seed(7), start.subarray(0, start.length - 1), Buffer.from([1]), delta('x'));
putAll('meter_stream', streams, seeded);
put('meter_stream', 'seed-bad-crc', seed(7), delta('x'), start.subarray(0, start.length - 1), Buffer.from([1]));
putAll('meter_json', [
  JSON.stringify({ output: { message: { role: 'assistant', content: [{ text: 'Hi "usage":{' }] } }, stopReason: 'end_turn', usage: usage(), metrics: { latencyMs: 7 } }),
  JSON.stringify({ usage: usage({ cacheReadInputTokens: 100, cacheWriteInputTokens: 50, cacheDetails: [{ ttl: '1h', inputTokens: 20 }, { ttl: '5m', inputTokens: 30 }] }) }),
  '{"us\\u0061ge" : {"inputTokens":1,"outputTokens":0}}',
  '{"a":{"usage":{"inputTokens":1,"outputTokens":2}},"b":["usage"],"c":"\\"usage\\":{"}',
  '{"usage":{"inputTokens":-1,"outputTokens":2}}', '{"usage":{"inputTokens":null,"outputTokens":2}}', '{"usage":[]}', '{"usage":7}', '{"usage":"x"}',
  '{"usage":{"inputTokens":1.5,"outputTokens":2}}', '{"message":"ThrottlingException"}', '[{"usage":1}]', '', '{"usage"\n:\t{"inputTokens":1,"outputTokens":2} , "z":0}',
  '{"usage":{"inputTokens":9223372036854775807,"outputTokens":9223372036854775807,"cacheDetails":[{"inputTokens":9223372036854775807},{"ttl":"1h","inputTokens":9}]}}',
  '{"usage":{"inputTokens":1,"outputTokens":2},"usage":{"inputTokens":3,"outputTokens":4}}',
], seeded);

putAll('meter_invoke', [
  '{"content":[{"type":"text","text":"Hi"}],"usage":{"input_tokens":10,"output_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":2}}}',
  '{"type":"message_start","message":{"usage":{"input_tokens":10,"output_tokens":1}}}\n{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}\n{"type":"message_delta","usage":{"output_tokens":5}}\n{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":10,"outputTokenCount":5}}',
  '{"output":{"message":{"content":[{"text":"a"}]}},"usage":{"inputTokens":1,"outputTokens":2}}',
  '{"messageStart":{"role":"assistant"}}\n{"contentBlockDelta":{"delta":{"text":"x"}}}\n{"metadata":{"usage":{"inputTokens":1,"outputTokens":2}}}',
  '{"generation":"x","prompt_token_count":3,"generation_token_count":4}', '{"generation":"x"}\n{"amazon-bedrock-invocationMetrics":{"inputTokenCount":1,"outputTokenCount":2,"cacheReadInputTokenCount":3}}',
  '{"inputTextTokenCount":5,"results":[{"tokenCount":6,"outputText":"x"}]}', '{"choices":[{"delta":{"content":"x"}}],"usage":null}\n{"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}',
], (i) => Buffer.concat([Buffer.from([i % 2]), seeded(i)]));

// --- requests ---
const arn = 'arn:aws:bedrock:us-east-1:123456789012:';
putAll('route', [
  'POST\n/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse',
  'POST\n/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/converse-stream?x=1',
  `POST\n/model/${encodeURIComponent(arn + 'application-inference-profile/abc123')}/converse`,
  `POST\n/model/${arn}inference-profile/us.amazon.nova-lite-v1:0/converse`,
  `POST\n/model/${arn}prompt/P1:2/converse`,
  'POST\n/model/arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0/count-tokens',
  'POST\n/model/haiku/invoke', 'GET\n/model/haiku/converse', 'GET\n/healthz', 'HEAD\n/readyz?a', 'POST\n/metrics',
  'POST\n/v1/chat/completions', 'GET\n/v1/models', 'POST\n/anthropic/v1/messages', 'POST\n/v1/invocations',
  'POST\n/model/%2e%2e/converse', 'POST\n/model/../converse', 'POST\n/model/a%00b/converse', 'GET\nhttp://a/', 'POST\n/model//converse',
]);
putAll('parse', [
  JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'Hello' }] }], system: [{ text: 'Be brief' }], inferenceConfig: { maxTokens: 100, temperature: 0.5, topP: 1, stopSequences: ['x'] } }),
  JSON.stringify({ messages: [{ role: 'user', content: [{ image: { format: 'png', source: { bytes: 'aGk=' } } }, { document: { format: 'pdf', name: 'a', source: { bytes: 'aGk=' } } }] }] }),
  JSON.stringify({ messages: [{ role: 'user', content: [{ document: { format: 'txt', source: { text: 'words' } } }, { cachePoint: { type: 'default' } }] }] }),
  JSON.stringify({ messages: [{ role: 'user', content: [{ toolResult: { toolUseId: 'a', content: [{ json: { a: 1 } }, { text: 'b' }], status: 'success' } }, { toolUse: { toolUseId: 'a', name: 'f', input: {} } }] }], toolConfig: { tools: [{ toolSpec: { name: 'f', inputSchema: { json: {} } } }], toolChoice: { auto: {} } } }),
  JSON.stringify({ messages: [], requestMetadata: { costCenter: 'sales', applicationId: 'é' }, additionalModelRequestFields: { max_tokens: 500, inferenceConfig: { max_new_tokens: 7 } } }),
  JSON.stringify({ messages: [{ content: [{ guardContent: { text: { text: 'x', qualifiers: ['query'] } } }, { guardContent: { image: {} } }] }], guardrailConfig: {}, promptVariables: { a: { text: 'b' } }, performanceConfig: { latency: 'standard' } }),
  '{"messages":[],"messages":[]}', '{"messages":[],"inferenceConfig":{"maxTokens":1,"max\\u0054okens":2}}', '{"messages":{}}', '{}', '', 'null', '{"messages":[{"content":"x"}]}',
  '{"messages":[],"inferenceConfig":{"maxTokens":0}}', '{"messages":[],"inferenceConfig":null,"system":null,"toolConfig":null}',
  '{"messages":[],"requestMetadata":{"a":"1","a":"2"}}', '{"input":{"converse":{"messages":[]}}}', '{"messages":[],"\\u001b[31m":1,"x\u0007":',
  '{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"system":"s","messages":[{"role":"user","content":"hi"}],"tools":[{"name":"t"}]}', '{"prompt":"hi","max_gen_len":5,"temperature":1}', '{"inputText":"x","textGenerationConfig":{"maxTokenCount":9}}',
  '{"model":"haiku","messages":[{"role":"user","content":"hi"}],"tags":{"costCenter":"sales"},"maxTokens":5}', '{"model":"haiku","input":"hi","metadata":{"a":"b"}}',
]);
putAll('refuse', [
  'b6f0\nno such model: x\nhaiku-minute\nsales\ntokens\n100000', 'id\nmessages[0].content: must be an array\nl\ng\nusd\n12.5',
  '\n\n\n\n\n', 'a\rb\n"quoted" \\ \u0001\u007f\n\u00e9\u{1f600}\n\t\nx\n1e', 'i\nm\nlimit\ngroup\nrequests\n-5 ', 'i\nm\nl\nthrottlingException\nusd\n0.000000001',
], (i) => Buffer.from([i, i * 2, i, 0, 0, 1, 0x8b, 0xcf, 0xe5, 0, 0, i * 40, 0, 0, 0, 0, 0, 0, 0, 1, i, 0, 0, 0, 9]));
put('refuse', 'seed-latin', Buffer.alloc(24, 1), Buffer.from('ff0afe800a80c00a', 'hex'), 'x\ny\nz');

// --- signatures and keys ---
const names = 'content-type;host;x-amz-date';
const authorization = `AWS4-HMAC-SHA256 Credential=TGKAAAAAAAAAAAAAAAAA/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=${names}, Signature=${'0123456789abcdef'.repeat(4)}`;
putAll('sigv4', [
  `${authorization}\n${names}\nPOST\n/model/a%3A0/converse\ncontent-type:application/json\nHost: a:1 \nX-Amz-Date:20261121T013638Z`,
  'AWS4-HMAC-SHA256 Credential=a/20261121/r/s/aws4_request,SignedHeaders=host,Signature=' + 'a'.repeat(64) + '\nhost\nGET\n/a/./b//../c?b=2&a=%2f&a=1&c\nhost:a',
  'Bearer x\nhost;x\nGET\n/?\nhost:  a   b  \nx:1\nX:2', '\n\n\n\n', 'AWS4-HMAC-SHA256 \nhost\nGET\n../..\nhost:a',
  `AWS4-HMAC-SHA256 Credential=a/b/c\nhost\nGET\n/?${'&'.repeat(300)}${'a&'.repeat(260)}\nhost:x`,
]);
const signed = 'POST\n/model/m/converse?b=1&a=2\na:8088\n\n{"costCenter":"sales"}\nother\n{"messages":[]}\n';
putAll('identity', [
  signed, signed + '\x00\x00\x00\x01G', signed + '\x01\x00\x00\x06x', signed + '\x04\x02\x00\x02 ', signed + '\x06\x00\x00\x70f', signed + '\x07\x01\x00\x03',
  signed + '\x02\x00\x00\x00b', signed + '\x03\x00\x00\x03\x39', 'GET\n/\nh\n\n\n\n\n', 'POST\n/?a=%2f&a\nh\n\n a  b \n\nbody\n\x04\x02\x00\x01 ',
], () => Buffer.from([0]));
putAll('identity', [
  `POST\n/\na\n20261121T013640Z\n{}\n\n${authorization.replace(names, 'host;x-amz-date;x-amzn-bedrock-request-metadata')}`, 'POST\n/\na\n20261121T013640Z\n\n\nBearer tgk-nobody-knows', 'GET\n/\na\n\n\n\nBasic eDp5',
], () => Buffer.from([1]), 'free');
putAll('tags', [
  'environment=prod,team=red', 'application=docs', 'applicationId=docs, environment = test ', 'team=green', 'costCenter=other', '=x', 'a', 'a=b=c,,',
  Array.from({ length: 18 }, (_, i) => `k${i}=v`).join(','), 'x\u202ey=1\n\u001b=2', 'a=1\nb=2\na=3', 'applicationId=' + 'x'.repeat(129), '\u00e9=1,applicationId=a',
], (i) => Buffer.from([i % 2]));

// --- text ---
putAll('str', [
  'a%2Fb%3a', '%', '%zz', 'aGVsbG8=', 'aGk=', 'aB==', '0aFf', '-9223372036854775808', '9223372036854775807', '00012', '12.500000001', '0.80', '100k', '2.5M', '25MB', '64KiB', '90d', '500ms',
  '20261121T013638Z', '2026-11-21T01:36:38.123Z',
], (i) => Buffer.from([i * 3]));
put('str', 'seed-utf8', Buffer.from([40]), 'é😀\u202e\u0007\u009b\ufeff', Buffer.from('c0aff5eda080', 'hex'));
put('str', 'seed-glob', Buffer.from([9]), 'a*b?c*\naxxbycz');
put('str', 'seed-time-low', Buffer.from([9]), '0001-01-01T00:00:00+14:00');

// --- the file ---
putAll('config', [
  'region: us-east-1\n', '', '{}', '- a\n', 'a: [', '\ta: 1\n', '%YAML 1.1\n---\nregion: x\n---\nregion: y\n', 'region: us-east-1\nregion: us-west-2\n',
  'listen:\n  - address: 127.0.0.1:8088\n  - {address: "0.0.0.0:8443", certificate: /a.crt, private_key: /a.key}\nidentity: required\nregion: us-east-1\nstate_dir: /var/lib/x\nendpoints: {bedrock-runtime: "http://127.0.0.1:9001"}\n',
  'region: us-east-1\nmodels:\n  - name: haiku\n    id: us.anthropic.claude-3-5-haiku-20241022-v1:0\n    profiles: {sales: "' + arn + 'application-inference-profile/abc"}\n    price: {input: 0.80, output: 4.00, cache_read: 0.08}\n  - {name: sales, base: haiku}\n',
  'region: us-east-1\nlimits:\n  - {name: a, tokens: 100k, window: 1m, per: [costCenter], warn: [80, 100], ceiling: 1M}\n  - {name: b, usd: 12.50, window: month, match: {team: "r*"}, action: warn}\n  - {name: c, concurrency: 5, model: haiku}\n',
  'region: us-east-1\ntags: {required: [applicationId], defaults: {environment: dev}, from_caller: [environment], values: {costCenter: [sales]}}\n',
  'publish: {metrics: {namespace: N, every: 60s, max_series: 200}, audit: {log_group: /x}}\npoll: {cloudwatch: 5m, cost_explorer: off, max_usd_per_month: 20}\ncost_tags: {applicationId: app}\n',
  'requests: {max_body: 25MB, max_header: 64KB, header_timeout: 10s}\nupstream: {connect_timeout: 5s, max_connections: 1024, ca_file: null}\ncontrol: {operators: [], require_reason: false}\nretention: {calls: 90d, rollups: 400d}\ntimezone: UTC\n',
  'a: &a [x, x]\nb: &b [*a, *a]\nmodels: *b\nlimits: *b\n', 'models: &m\n  - {name: a, base: b}\n  - {name: b, base: a}\n', '"\\x1b[31m": 1\n? [a, b]\n: c\n!!binary x: y\n', 'region: "\\0"\nlisten: [{address: "[::1]:99999"}]\n',
  Array.from({ length: 26 }, (_, i) => (i ? `x${i}: &a${i} [*a${i - 1}, *a${i - 1}]\n` : 'x0: &a0 [1, 1]\n')).join('') + 'models: *a25\ntags: {required: *a25, values: {a: *a25}}\n',
  'models: &a [*a, *a]\nlimits: &b [*b]\ntags: &c {values: *c, defaults: *c}\nregion: &d [*d]\n', 'models: ' + '['.repeat(1500) + ']'.repeat(1500),
  'store: redis://x\nnotify: [{on: [warn], exec: [/x]}]\nassume_role: {arn: "arn:aws:iam::1:role/x"}\nunknown_models: allow\nestimate: bytes\noutput_unset: maximum\nclient_gone: drain\n',
]);

// --- journals ---
const varint = (n) => { let v = BigInt(n); v = v < 0n ? -2n * v - 1n : 2n * v; const out = []; while (v >= 128n) { out.push(Number(v & 127n) | 128); v >>= 7n; } out.push(Number(v)); return Buffer.from(out); };
const ints = (...n) => Buffer.concat(n.map(varint));
const lstr = (s) => Buffer.concat([Buffer.from([s.length & 255, s.length >> 8]), Buffer.from(s)]);
const id = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const begin = (n) => Buffer.concat([Buffer.from([0]), ints(1795225000000), lstr(id(n)), lstr('Converse'), lstr('haiku'), lstr('us.anthropic.haiku'), lstr('TGKAAAAAAAAAAAAAAAAA'),
  ints(100, 400, 0, 0, 0), ints(800000000, 4000000000, -1, -1, -1), Buffer.from([2]), lstr('applicationId'), lstr('docs'), lstr('costCenter'), lstr('sales')]);
const end = (n) => Buffer.concat([lstr(id(n)), ints(100, 400, 0, 0, 0), Buffer.from([1, 3]), ints(200), ints(90, 20, 0, 0, 0), ints(152000), ints(1200), ints(300), lstr(''), lstr('')]);
const step = (type, payload) => Buffer.concat([Buffer.from([type - 1, payload.length >> 8, payload.length & 255]), payload]);
const admitted = (n) => step(2, begin(n));
const topped = (n, slot) => step(3, Buffer.concat([varint(slot), lstr(id(n)), ints(100, 777, 0, 0, 0)]));
const settled = (n, slot) => step(4, Buffer.concat([varint(slot), end(n)]));
const whole = (n) => step(5, Buffer.concat([begin(n), end(n), lstr('costCenter=sales'), varint(1795225060000)]));
const pad = step(1, Buffer.alloc(0)), gap = (n) => Buffer.from([205, n]), other = (g) => Buffer.from([225, g]), poke = (at, v) => Buffer.from([240, at >> 16, at >> 8 & 255, at & 255, v]);
const first = 65536;
const journals = [
  [admitted(1), settled(1, first)], [admitted(1), admitted(2), topped(1, first), settled(2, first + 208)], [whole(1), whole(2), whole(2)], [settled(9, 1), topped(9, 1)], [admitted(1), admitted(1), settled(1, first)],
  [admitted(1), gap(3), admitted(2), other(5), admitted(3)], [admitted(1), whole(2), poke(4096 + 40, 9)], [pad, admitted(1), pad], [admitted(1), poke(0, 1)], [],
];
for (const target of ['journal', 'replay']) {
  journals.forEach((steps, i) => put(target, `seed-${String(i + 1).padStart(2, '0')}`, Buffer.from([i === 9 ? 1 : i % 2 === 0 ? 0 : 2]), ...steps));
  put(target, 'seed-short', Buffer.from([4, 1, 0x10, 8]), admitted(1));
  put(target, 'seed-wrap', Buffer.from([0]), ...Array.from({ length: 20 }, () => gap(255)), admitted(7));
}

// --- what AWS answers ---
putAll('aws', [
  '{"__type":"com.amazon.coral#AccessDeniedException","Message":"User is not authorized"}', '{"code":"ThrottlingException","message":"slow"}', '{"Error":{"Code":"InvalidClientTokenId","Message":"x"}}',
  '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The token &lt;x&gt; has expired</Message></Error></ErrorResponse>',
  '{"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"secret","SessionToken":"t","Expiration":"2026-11-21T01:36:38Z"}', '{"AccessKeyId":"a","SecretAccessKey":"b","Token":"c","Expiration":"x","Code":"Success"}',
  '[default]\naws_access_key_id = AKID\naws_secret_access_key=x\n[profile work]\n# c\n; c\ns3 =\n  aws_access_key_id = nested\naws_access_key_id=W\n', '[default\n=\n[]\n[ profile  work ]\naws_access_key_id', '<Code>', '{"__type":"a\\u001b#b","message":"\\u202e"}',
]);

// --- clients of the front: HTTP/1.1 as text, HTTP/2 as (type, flags, stream, length, payload) ---
const http1 = (flags, t) => [Buffer.from([flags, 0, 99]), t];
const f2 = (type, flags, stream, payload) => Buffer.concat([Buffer.from([type, flags, stream, payload.length >> 8, payload.length & 255]), Buffer.from(payload)]);
const literal = (index, value) => Buffer.concat([Buffer.from([0x40 | index, value.length]), Buffer.from(value)]);
const named = (name, value) => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
const block = (method, path, ...more) => Buffer.concat([Buffer.from([method, 0x86]), literal(4, path), literal(1, 'a:1'), ...more]);
const GET = 0x82, POST = 0x83;
const clients = [
  http1(0x00, 'GET /x HTTP/1.1\r\nHost: a\r\n\r\nPOST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /hold HTTP/1.1\r\nHost: a\r\n\r\n'),
  http1(0xc0, 'POST /stream HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHEAD /x HTTP/1.1\r\nHost: a\r\n\r\n'),
  http1(0x03, 'POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello'), http1(0x40, 'GET /short HTTP/1.0\r\n\r\n'), http1(0x80, 'GET /long HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n'),
  http1(0x00, 'POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 2001\r\n\r\n'), http1(0x00, 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz'), http1(0x00, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2100)}\r\n\r\n`),
  http1(0x40, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'), http1(0x00, 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'), http1(0x00, '\x16\x03\x01\x02\0\x01\0'),
  [Buffer.from([0x41, 0, 9]), f2(1, 5, 1, block(GET, '/x', named('x-a', 'b')))],
  [Buffer.from([1, 0, 9]), f2(1, 4, 1, block(POST, '/y', named('content-length', '5'))), f2(0, 1, 1, 'hello'), f2(1, 5, 3, block(GET, '/hold')), f2(3, 0, 3, [0, 0, 0, 8])],
  [Buffer.from([0x41, 0, 9]), f2(1, 4, 1, block(POST, '/y', named('content-length', '5'))), f2(0, 1, 1, 'hell')],
  [Buffer.from([0x81, 0, 9]), f2(1, 0, 1, block(POST, '/now')), f2(9, 4, 1, named('x', 'y')), f2(0, 0, 1, 'more'), f2(1, 5, 1, named('trailer', 'z'))],
  [Buffer.from([0x41, 0, 9]), f2(1, 5, 1, block(GET, '/x', named('Upper', '1'))), f2(1, 5, 3, block(GET, '/x', named('connection', 'close'))), f2(1, 5, 5, block(GET, '/x', named('host', 'b')))],
  [Buffer.from([0x41, 0, 9]), f2(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]), f2(8, 0, 0, [0x7f, 255, 255, 255]), f2(4, 0, 0, [0, 4, 0, 0, 0, 0]), f2(1, 5, 1, block(GET, '/stream')), f2(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0])],
  [Buffer.from([0x41, 0, 9]), f2(1, 5, 1, block(GET, '/long')), f2(1, 5, 3, block(GET, '/short')), f2(1, 5, 5, block(GET, '/abort')), f2(2, 0, 3, [0, 0, 0, 1, 16]), f2(5, 4, 1, [0, 0, 0, 2, 0x82])],
];
clients.forEach((parts, i) => put('front', `seed-${String(i + 1).padStart(2, '0')}`, ...parts));
