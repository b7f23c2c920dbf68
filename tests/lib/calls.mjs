// Calls of Bedrock's runtime over plain HTTP/1.1 as a client makes them, without an SDK.
import http from 'node:http';

import { FrameReader } from './eventstream.mjs';

const CALL_MS = 60000;

export const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 512 });

export function converseBody(text, { maxTokens, metadata, cache } = {}) {
    const content = [{ text }];
    return JSON.stringify({
        ...(cache ? { system: [{ text: cache }, { cachePoint: { type: 'default' } }] } : {}),
        messages: [{ role: 'user', content }],
        ...(maxTokens ? { inferenceConfig: { maxTokens } } : {}),
        ...(metadata ? { requestMetadata: metadata } : {}),
    });
}

// One request. Never rejects: `error` is set when the connection broke. `chunk` sees the bytes of the answer's body
// and may return true to leave at once.
export function request(url, { method = 'POST', path = '/', headers = {}, body = '', chunk } = {}) {
    return new Promise((resolve) => {
        const result = { status: 0, headers: {}, body: Buffer.alloc(0), error: null, left: false };
        const pieces = [];
        const finish = (error) => {
            clearTimeout(timer);
            result.error ??= error;
            result.body = Buffer.concat(pieces);
            resolve(result);
        };
        const sent = http.request(new URL(path, url), {
            method, agent,
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
        });
        const timer = setTimeout(() => sent.destroy(new Error(`no end within ${CALL_MS} ms`)), CALL_MS);
        sent.on('error', (e) => finish(e));
        sent.on('response', (answer) => {
            result.status = answer.statusCode;
            result.headers = answer.headers;
            answer.on('data', (bytes) => {
                pieces.push(bytes);
                if (!result.left && chunk?.(bytes)) {
                    result.left = true;
                    sent.destroy();
                }
            });
            answer.on('end', () => finish(null));
            answer.on('error', (e) => finish(e));
            answer.on('close', () => finish(answer.complete ? null : new Error('the answer was cut')));
        });
        sent.end(body);
    });
}

const modelPath = (model, operation) => `/model/${encodeURIComponent(model)}/${operation}`;

// Converse or ConverseStream: what the client saw of it. leaveAfter: it goes away after so many text deltas.
export async function call(core, key, {
    model = 'nova-lite', text = 'hello', stream = false, leaveAfter = 0, headers = {}, body, ...rest
} = {}) {
    const reader = new FrameReader();
    const seen = { text: '', deltas: 0, usage: null, stopReason: null, exception: null, malformed: null };
    const take = (frame) => {
        if (frame.kind === 'exception') {
            seen.exception = { name: frame.type, message: frame.data?.message };
        } else if (frame.type === 'contentBlockDelta') {
            seen.text += frame.data.delta.text;
            seen.deltas++;
        } else if (frame.type === 'messageStop') {
            seen.stopReason = frame.data.stopReason;
        } else if (frame.type === 'metadata') {
            seen.usage = frame.data.usage;
        }
    };
    let isStream = false;
    const result = await request(core.url ?? core, {
        path: modelPath(model, stream ? 'converse-stream' : 'converse'),
        headers: { ...(key ? { authorization: `Bearer ${key.bearerToken ?? key}` } : {}), ...headers },
        body: body ?? converseBody(text, rest),
        chunk: stream ? (bytes) => {
            try {
                isStream ||= bytes[0] !== 0x7b; // an error is a JSON object
                if (isStream) {
                    reader.feed(bytes).forEach(take);
                }
            } catch (e) {
                seen.malformed = e;
            }
            return leaveAfter > 0 && seen.deltas >= leaveAfter;
        } : undefined,
    });
    const answer = { ...result, ...seen, json: null, requestId: result.headers['x-tollgate-request-id'] };
    if (!isStream && result.error === null && result.body.length > 0) {
        try {
            answer.json = JSON.parse(result.body);
        } catch (e) {
            answer.malformed = e;
        }
    }
    if (result.status === 200 && answer.json) {
        answer.text = answer.json.output.message.content[0].text;
        answer.usage = answer.json.usage;
        answer.stopReason = answer.json.stopReason;
    }
    answer.errorType = result.headers['x-amzn-errortype'];
    return answer;
}

// The simulation says one word for a token.
export const wordCount = (text) => text.split(' ').filter(Boolean).length;
