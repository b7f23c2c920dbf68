// Frames of application/vnd.amazon.eventstream, read as they arrive; checksums are checked.
const table = new Uint32Array(256).map((_, n) => {
    for (let k = 0; k < 8; k++) {
        n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    }
    return n >>> 0;
});

export function crc32(bytes) {
    let c = 0xffffffff;
    for (const b of bytes) {
        c = table[(c ^ b) & 255] ^ (c >>> 8);
    }
    return (c ^ 0xffffffff) >>> 0;
}

function readHeaders(bytes) {
    const headers = {};
    for (let at = 0; at < bytes.length;) {
        const nameLength = bytes[at];
        const name = bytes.toString('utf8', at + 1, at + 1 + nameLength);
        at += 1 + nameLength;
        if (bytes[at] !== 7) {
            throw new Error(`header ${name} has type ${bytes[at]}, not text`);
        }
        const length = bytes.readUInt16BE(at + 1);
        headers[name] = bytes.toString('utf8', at + 3, at + 3 + length);
        at += 3 + length;
    }
    return headers;
}

function readFrame(frame) {
    const total = frame.length;
    const headersLength = frame.readUInt32BE(4);
    if (crc32(frame.subarray(0, 8)) !== frame.readUInt32BE(8)) {
        throw new Error('a frame with a wrong prelude checksum');
    }
    if (crc32(frame.subarray(0, total - 4)) !== frame.readUInt32BE(total - 4)) {
        throw new Error('a frame with a wrong checksum');
    }
    const headers = readHeaders(frame.subarray(12, 12 + headersLength));
    const payload = frame.subarray(12 + headersLength, total - 4).toString('utf8');
    return {
        kind: headers[':message-type'],
        type: headers[':event-type'] ?? headers[':exception-type'],
        data: payload === '' ? null : JSON.parse(payload),
    };
}

// feed(bytes) returns the frames that are whole now; `rest` is what has no end yet.
export class FrameReader {
    rest = Buffer.alloc(0);

    feed(bytes) {
        this.rest = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
        const frames = [];
        while (this.rest.length >= 16) {
            const total = this.rest.readUInt32BE(0);
            if (this.rest.length < total) {
                break;
            }
            frames.push(readFrame(this.rest.subarray(0, total)));
            this.rest = this.rest.subarray(total);
        }
        return frames;
    }
}
