// Turns the text of one ES module into a script for `eval`, since the engine has no way to evaluate a module from text.
// Line numbers stay as they are, and columns too except on the first line, which gets `prefix`; `import` becomes constants,
// `export` a table of functions that read the exported names. Nothing is evaluated here.

import { utf8 } from "./text.js";
import { tokenize } from "./tokens.js";

/** The one module a revision can import. */
export const BUILT_IN = "wmigrate";
/** Holds what `export default` gives; six characters with `=`, so that it fits in the place of the word `default`. */
const DEFAULT = "$wm$d";
const RESERVED = new Set(
  `await break case catch class const continue debugger default delete do else enum export extends false finally for function if
   implements import in instanceof interface let new null package private protected public return static super switch this
   throw true try typeof var void while with yield`.split(/\s+/),
);

/** What is wrong with an import or export, and where. */
export class ModuleError extends SyntaxError {
  constructor(message, { line, column }) {
    super(message);
    this.name = "SyntaxError";
    this.line = line;
    this.column = column;
  }
}

/**
 * `{ code, prefix, exports }`: a strict script, the length in bytes of what stands before the author's first character, and the
 * exported names with their places. The script expects a global `$wm` with the `module` to import from, and puts its `exports` there.
 * `available` says which names the built-in module has.
 */
export function transform(source, available) {
  // A byte order mark and a `#!` line are allowed at the start of a file, not behind a prefix.
  const text = source.replace(/^\uFEFF/, " ").replace(/^#!/, "//");
  const reader = new Reader(text, available);
  reader.read();
  const imports = reader.imports.map(([local, name]) => `const ${local}=$wm.module${name === null ? "" : `[${quote(name)}]`};`);
  const table = [...reader.exports].map(([name, { local }]) => `[${quote(name)}]:()=>${local}`);
  const prefix = `"use strict";${reader.defaultValue ? `let ${DEFAULT};` : ""}${imports.join("")}$wm.exports={__proto__:null,${table.join(",")}};`;
  return { code: prefix + applied(text, reader.edits), prefix: utf8(prefix).length, exports: reader.exports };
}

/** Line and column of a place in `source`, in characters from 1. Lines end where QuickJS ends them. */
export function placeOf(source, at) {
  const start = source.lastIndexOf("\n", at - 1) + 1;
  return { line: source.slice(0, start).split("\n").length, column: [...source.slice(start, at)].length + 1 };
}

class Reader {
  constructor(text, available) {
    this.text = text;
    this.available = available;
    // `import()` and `import.meta` are refused wherever they stand.
    this.tokens = tokenize(text, !/\bimport\s*[.(/]/.test(text));
    this.edits = [];
    this.imports = [];
    this.exports = new Map();
    // Whether `export default` is followed by a value; a function or class declares its name itself.
    this.defaultValue = false;
  }

  read() {
    for (let i = 0; i < this.tokens.length; i += 1) {
      const token = this.tokens[i];
      if (token.type !== "name" || token.property) continue;
      if (token.text === "import") this.importAt(i);
      else if (token.text === "export" && token.depth === 0) this.exportAt(i);
    }
  }

  importAt(i) {
    const next = this.tokens[i + 1];
    if (next?.text === "(") {
      // `{ import(x) { … } }` is a method of that name; a call is never followed by a brace.
      if (this.tokens[next.pair + 1]?.text === "{") return;
      this.fail(i, `\`import()\` is not available: a revision is one file and imports only "${BUILT_IN}"`);
    }
    if (next?.text === ".") this.fail(i, "`import.meta` is not available in a revision");
    if (this.tokens[i].depth !== 0 || next?.text === ":" || next?.text === ",") return; // a key, or QuickJS says what is wrong
    let j = i + 1;
    const bindings = [];
    if (this.is(j, "string")) {
      this.checkModule(j);
    } else {
      if (this.is(j, "name")) {
        bindings.push([j, null]);
        j += 1;
        if (this.at(j) === ",") j += 1;
      }
      if (this.at(j) === "*") {
        if (this.at(j + 1) !== "as" || !this.is(j + 2, "name")) this.fail(j, "expected `as` and a name after `*`");
        bindings.push([j + 2, null]);
        j += 3;
      } else if (this.at(j) === "{") {
        const end = this.endOf(j);
        for (const { name, local } of this.specifiers(j, end)) bindings.push([local, name]);
        j = end + 1;
      }
      if (this.at(j) !== "from" || !this.is(j + 1, "string")) this.fail(i, 'expected `import { … } from "wmigrate"`');
      j += 1;
      this.checkModule(j);
    }
    if (this.at(j + 1) === "with" && this.at(j + 2) === "{") j = this.endOf(j + 2);
    for (const [local, name] of bindings) {
      this.checkLocal(local);
      const imported = name === null ? null : nameOf(this.tokens[name]);
      if (imported !== null && imported !== "default" && !this.available.includes(imported)) {
        this.fail(name, `"${BUILT_IN}" has no export \`${imported}\` (it has ${this.available.join(", ")})`);
      }
      this.imports.push([this.tokens[local].text, imported === "default" ? null : imported]);
    }
    this.statement(i, j);
  }

  exportAt(i) {
    const [first, second] = [this.at(i + 1), this.at(i + 2)];
    const cut = () => this.edit(this.tokens[i].start, this.tokens[i].end, ";");
    if (first === "default") {
      cut();
      this.exportDefault(i + 1);
    } else if (first === "{") {
      const end = this.endOf(i + 1);
      if (this.at(end + 1) === "from") this.checkModule(end + 2, "cannot export from another module");
      // In `export { a as b }` what is named first is ours.
      for (const { name, local } of this.specifiers(i + 1, end)) {
        this.checkLocal(name);
        this.export(nameOf(this.tokens[local]), this.tokens[name].text, name);
      }
      this.statement(i, end);
    } else if (first === "*") {
      this.fail(i, "`export *` is not available: a revision is one file");
    } else if (first === "function" || first === "class" || (first === "async" && second === "function")) {
      cut();
      let j = i + (first === "async" ? 3 : 2);
      if (this.at(j) === "*") j += 1;
      if (this.is(j, "name")) this.export(this.tokens[j].text, this.tokens[j].text, j);
    } else if (first === "const" || first === "let" || first === "var") {
      cut();
      for (const name of this.declared(i + 2)) this.export(this.tokens[name].text, this.tokens[name].text, name);
    } else {
      this.fail(i, "expected a declaration, `default` or `{` after `export`");
    }
  }

  exportDefault(i) {
    let j = i + 1;
    const async = this.at(j) === "async" && this.at(j + 1) === "function" && !this.tokens[j + 1].newline;
    if (async) j += 1;
    const word = this.at(j);
    if (word !== "function" && word !== "class") {
      this.defaultValue = true;
      this.export("default", DEFAULT, i);
      return this.edit(this.tokens[i].start, this.tokens[i].end, `${DEFAULT}=`);
    }
    const star = word === "function" && this.at(j + 1) === "*";
    const name = j + (star ? 2 : 1);
    if (this.is(name, "name") && this.at(name) !== "extends") {
      this.export("default", this.tokens[name].text, i);
      return this.edit(this.tokens[i].start, this.tokens[i].end, "");
    }
    // A declaration without a name gets one; it takes no more room than the word `default` leaves.
    this.export("default", DEFAULT, i);
    const head = `${async ? "async " : ""}${word}${star ? "*" : ""} ${DEFAULT}`;
    return this.edit(this.tokens[i].start, this.tokens[name - 1].end, head);
  }

  /** Indexes of the names that `const a = 1, { b, c: [d] } = …` declares; `i` is its first token after the keyword. */
  declared(i) {
    const names = [];
    for (;;) {
      let j = this.pattern(i, names);
      if (this.at(j) === "=") j = this.skip(j + 1, true);
      if (this.at(j) !== ",") return names;
      i = j + 1;
    }
  }

  pattern(i, names) {
    const token = this.tokens[i];
    if (token?.type === "name") {
      names.push(i);
      return i + 1;
    }
    if (token?.text !== "{" && token?.text !== "[") return i;
    const end = this.endOf(i);
    for (let j = i + 1; j < end; ) {
      const from = j;
      if (this.at(j) === "...") {
        j = this.pattern(j + 1, names);
      } else if (token.text === "[") {
        j = this.pattern(j, names);
      } else {
        const after = this.at(j) === "[" ? this.endOf(j) + 1 : j + 1;
        j = this.at(after) === ":" ? this.pattern(after + 1, names) : this.pattern(j, names);
      }
      if (this.at(j) === "=") j = this.skip(j + 1, false);
      if (this.at(j) === ",") j += 1;
      else if (j === from) return end + 1; // nothing that belongs here; QuickJS says so
    }
    return end + 1;
  }

  /** Past an expression: to the comma, semicolon or closing bracket behind it, or to where a statement ends by itself. */
  skip(i, statement) {
    for (; i < this.tokens.length; i += 1) {
      const token = this.tokens[i];
      if (token.text === "," || token.text === ";" || (token.type === "punctuation" && ")]}".includes(token.text))) return i;
      const before = this.tokens[i - 1];
      const ended = before.value || before.text === "}" || before.text === ")";
      const operator = token.type === "name" && (token.text === "in" || token.text === "instanceof");
      const begins = (token.type !== "punctuation" || token.text === "{") && token.type !== "template" && !operator;
      if (statement && token.newline && ended && begins) return i;
      if (token.pair > i) i = token.pair;
    }
    return i;
  }

  /** `{ a, b as c, "d" as e }` as indexes of the first and the second name. */
  specifiers(open, end) {
    const found = [];
    for (let j = open + 1; j < end; ) {
      const renamed = this.at(j + 1) === "as" && j + 2 < end;
      const local = renamed ? j + 2 : j;
      if (![j, local].every((k) => this.is(k, "name") || this.is(k, "string"))) this.fail(j, `unexpected \`${this.at(j)}\``);
      found.push({ name: j, local });
      j = local + 1;
      if (this.at(j) === ",") j += 1;
      else if (j < end) this.fail(j, `unexpected \`${this.at(j)}\``);
    }
    return found;
  }

  export(name, local, i) {
    if (this.exports.has(name)) this.fail(i, `\`${name}\` is exported twice`);
    this.exports.set(name, { local, ...this.place(i) });
  }

  checkModule(i, otherwise) {
    const name = nameOf(this.tokens[i]);
    if (name !== BUILT_IN) this.fail(i, `cannot import "${name}": a revision is one file and imports only "${BUILT_IN}"`);
    if (otherwise) this.fail(i, otherwise);
  }

  checkLocal(i) {
    if (!this.is(i, "name") || RESERVED.has(this.at(i))) this.fail(i, `\`${this.at(i)}\` cannot be the name of a variable`);
  }

  /** Takes a whole statement out, up to its semicolon; one is left in its place so that its neighbours stay apart. */
  statement(from, to) {
    const end = this.at(to + 1) === ";" ? to + 1 : to;
    this.edit(this.tokens[from].start, this.tokens[end].end, ";");
  }

  edit(start, end, text) {
    this.edits.push({ start, end, text });
  }

  is(i, type) {
    return this.tokens[i]?.type === type;
  }

  at(i) {
    const token = this.tokens[i];
    return token?.type === "name" || token?.type === "punctuation" ? token.text : undefined;
  }

  endOf(i) {
    return this.tokens[i].pair ?? this.fail(i, `\`${this.tokens[i].text}\` has no end`);
  }

  place(i) {
    return placeOf(this.text, this.tokens[i].start);
  }

  fail(i, message) {
    throw new ModuleError(message, this.place(Math.min(i, this.tokens.length - 1)));
  }
}

function quote(name) {
  return JSON.stringify(name);
}

/** The text of a name, or what a string literal says. */
function nameOf(token) {
  if (token?.type !== "string") return token?.text ?? "";
  return token.text.slice(1, -1).replace(/\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))/g, (_, a, b, c, d) =>
    d ?? String.fromCodePoint(parseInt(a ?? b ?? c, 16)));
}

/** Each edit keeps the line breaks of what it replaces, and its width where there are none. */
function applied(text, edits) {
  let out = "";
  let at = 0;
  for (const { start, end, text: put } of edits.sort((a, b) => a.start - b.start)) {
    const old = text.slice(start, end);
    const breaks = old.match(/\r\n|[\n\r\u2028\u2029]/g);
    const tail = old.slice(1 + Math.max(...["\n", "\r", "\u2028", "\u2029"].map((b) => old.lastIndexOf(b))));
    out += text.slice(at, start) + put;
    out += breaks ? breaks.join("") + " ".repeat(tail.length) : " ".repeat(Math.max(0, old.length - put.length));
    at = end;
  }
  return out + text.slice(at);
}
