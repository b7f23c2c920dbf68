// A client of the control socket (core/control/PROTOCOL.md), and one that only sends raw lines.
import net from 'node:net';
import path from 'node:path';

const ANSWER_MS = 30000;

export class Control {
    #buffer = '';
    #waiting = new Map();
    #next = 1;
    #listeners = [];
    events = [];
    lines = [];
    closed = false;

    constructor(socket) {
        this.socket = socket;
        socket.setEncoding('utf8');
        socket.on('data', (text) => this.#take(text));
        socket.on('error', () => {});
        socket.on('close', () => {
            this.closed = true;
            for (const { reject } of this.#waiting.values()) {
                reject(new Error('the control socket was closed'));
            }
            this.#waiting.clear();
            this.#tell();
        });
    }

    static open(stateDir) {
        return new Promise((resolve, reject) => {
            const socket = net.connect(path.join(stateDir, 'control.sock'));
            socket.once('error', reject);
            socket.once('connect', () => {
                socket.off('error', reject);
                resolve(new Control(socket));
            });
        });
    }

    static async greeted(stateDir) {
        const control = await Control.open(stateDir);
        await control.ask('hello', { version: 1 });
        return control;
    }

    #tell() {
        this.#listeners.splice(0).forEach((fn) => fn());
    }

    #take(text) {
        this.#buffer += text;
        for (let end; (end = this.#buffer.indexOf('\n')) >= 0;) {
            const message = JSON.parse(this.#buffer.slice(0, end));
            this.#buffer = this.#buffer.slice(end + 1);
            this.lines.push(message);
            if ('event' in message) {
                this.events.push(message);
            } else {
                this.#waiting.get(message.id)?.resolve(message);
                this.#waiting.delete(message.id);
            }
        }
        this.#tell();
    }

    // The whole answer: {id, result} or {id, error}.
    request(method, params) {
        const id = this.#next++;
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`${method}: no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
            const settle = (fn) => (value) => {
                clearTimeout(timer);
                fn(value);
            };
            this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
            this.send(`${JSON.stringify({ id, method, params })}\n`);
        });
    }

    async ask(method, params) {
        const answer = await this.request(method, params);
        if (answer.error) {
            throw Object.assign(new Error(`${method}: ${answer.error.message}`), { code: answer.error.code });
        }
        return answer.result;
    }

    send(text) {
        this.socket.write(text);
    }

    // Waits until `condition` holds after some line or the end; false when the time is over.
    async heard(condition, within = 20000) {
        const deadline = Date.now() + within;
        while (!condition()) {
            const left = deadline - Date.now();
            if (left <= 0) {
                return false;
            }
            await new Promise((resolve) => {
                const timer = setTimeout(resolve, left);
                this.#listeners.push(() => {
                    clearTimeout(timer);
                    resolve();
                });
            });
        }
        return true;
    }

    close() {
        this.socket.destroy();
    }
}
