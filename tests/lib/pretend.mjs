// A core that only speaks the protocol (tests/screen/fake-core.mjs), for what a real one shows too seldom.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { until } from './harness.mjs';

const script = fileURLToPath(new URL('../screen/fake-core.mjs', import.meta.url));

// Its socket, once it listens; it ends with the test.
export async function pretend(t, ...flags) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-fake-'));
    const socket = path.join(dir, 'control.sock');
    const child = spawn(process.execPath, [script, socket, ...flags], { stdio: 'ignore' });
    t.after(() => {
        child.kill('SIGKILL');
        fs.rmSync(dir, { recursive: true, force: true });
    });
    await until('the pretended core to listen', () => fs.existsSync(socket));
    return socket;
}
