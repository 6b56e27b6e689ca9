// UTF-8 for QuickJS, which has no TextEncoder and TextDecoder: both as browsers have them, for the one encoding PostgreSQL
// and a revision share. `engine.js` makes them global.

/** The bytes of a string; lone surrogates become U+FFFD. */
export function utf8(text) {
  const bytes = new Uint8Array(text.length * 3);
  let n = 0;
  for (let i = 0; i < text.length; i += 1) {
    let c = text.charCodeAt(i);
    if (c >= 0xd800 && c <= 0xdfff) {
      const low = c < 0xdc00 ? text.charCodeAt(i + 1) : NaN;
      if (low >= 0xdc00 && low <= 0xdfff) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        i += 1;
      } else {
        c = 0xfffd;
      }
    }
    if (c < 0x80) {
      bytes[n++] = c;
    } else {
      if (c < 0x800) {
        bytes[n++] = 0xc0 | (c >> 6);
      } else {
        if (c < 0x10000) {
          bytes[n++] = 0xe0 | (c >> 12);
        } else {
          bytes[n++] = 0xf0 | (c >> 18);
          bytes[n++] = 0x80 | ((c >> 12) & 63);
        }
        bytes[n++] = 0x80 | ((c >> 6) & 63);
      }
      bytes[n++] = 0x80 | (c & 63);
    }
  }
  return bytes.slice(0, n);
}

/** The string of some bytes; what is not UTF-8 becomes U+FFFD, as the Encoding standard says, or a TypeError if `fatal`. */
export function fromUtf8(bytes, fatal = false) {
  const parts = [];
  let units = [];
  for (let i = 0; i < bytes.length; ) {
    const b = bytes[i++];
    let more = b < 0x80 ? 0 : b >= 0xc2 && b < 0xe0 ? 1 : b >= 0xe0 && b < 0xf0 ? 2 : b >= 0xf0 && b < 0xf5 ? 3 : -1;
    let c = more <= 0 ? b : b & (0x3f >> more);
    // Only the first byte that follows is bound tighter: no overlong forms, no surrogates, nothing above U+10FFFF.
    let low = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80;
    let high = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf;
    for (; more > 0 && bytes[i] >= low && bytes[i] <= high; more -= 1, low = 0x80, high = 0xbf) c = (c << 6) | (bytes[i++] & 63);
    if (more !== 0) {
      if (fatal) throw new TypeError("the bytes are not UTF-8");
      c = 0xfffd;
    }
    if (c < 0x10000) units.push(c);
    else units.push(0xd7c0 + (c >> 10), 0xdc00 | (c & 0x3ff));
    if (units.length > 4000) {
      parts.push(String.fromCharCode.apply(null, units));
      units = [];
    }
  }
  return parts.join("") + String.fromCharCode.apply(null, units);
}

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return utf8(String(text));
  }

  /** As much of the text as fits whole; says how many UTF-16 units were read and how many bytes written. */
  encodeInto(text, target) {
    let read = 0;
    let written = 0;
    for (const char of String(text)) {
      const bytes = utf8(char);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += char.length;
    }
    return { read, written };
  }
}

export class TextDecoder {
  #fatal;
  #ignoreBOM;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!/^\s*(?:unicode-1-1-)?utf-?8\s*$/i.test(label)) throw new RangeError(`the encoding \`${label}\` is not available, only utf-8`);
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }

  get encoding() {
    return "utf-8";
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(source = new Uint8Array(0), { stream = false } = {}) {
    if (stream) throw new TypeError("`stream` is not available: decode the bytes at once");
    const bytes = source instanceof ArrayBuffer ? new Uint8Array(source) : new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    const text = fromUtf8(bytes, this.#fatal);
    return text.charCodeAt(0) === 0xfeff && !this.#ignoreBOM ? text.slice(1) : text;
  }
}
