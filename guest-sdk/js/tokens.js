// Splits JavaScript text into tokens, just well enough to find `import` and `export`: it knows strings, nested
// templates, comments and regular expressions. It judges nothing: text that cannot be read ends the list, and
// QuickJS, which compiles the text anyway, says what is wrong with it. `module.js` uses it.

/** Names after which a value begins, so that a `/` there opens a regular expression. */
const BEFORE_VALUE = new Set(
  ["return", "typeof", "instanceof", "in", "new", "delete", "void", "throw", "case", "do", "else", "yield", "await"],
);
/** Names whose parentheses are followed by a statement: `if (a) /b/.test(c)`. */
const BEFORE_CONDITION = new Set(["if", "while", "for", "with"]);
/** Names after which `{` opens a block, though no value has ended. */
const BEFORE_BLOCK = new Set(["do", "else"]);
/** Names as nearly all are. Where one goes on with another character, `NAME` decides. */
const PLAIN_NAME = /[a-zA-Z_$][\w$]*/y;
const PUNCTUATION = /(?:\.\.\.|=>|\?\.(?!\d)|\?\?|\+\+|--|[\s\S])/y;
/** What an ASCII character may begin, by its code; 0: punctuation of one character. A call a character would take longer. */
const BEGINS = new Uint8Array(128);
const [A_NAME, A_NUMBER, LONGER] = [1, 2, 3];
for (let code = 0; code < 128; code += 1) {
  const char = String.fromCharCode(code);
  BEGINS[code] = /[\w$#\\]/.test(char) ? A_NAME : 0;
  if (/[\d.]/.test(char)) BEGINS[code] = A_NUMBER;
  if (/[=?+-]/.test(char)) BEGINS[code] = LONGER;
}
const NAME = /[\p{ID_Start}$_#\\](?:[\p{ID_Continue}$\u200c\u200d]|\\u\{[0-9a-fA-F]+\}|\\u[0-9a-fA-F]{4}|\\)*/uy;
const NUMBER = /(?:\d|\.\d)(?:[eE][+-]|[\w.])*/y;
const STRING = /"(?:[^"\\\n\r]|\\(?:\r\n|[\s\S]))*"|'(?:[^'\\\n\r]|\\(?:\r\n|[\s\S]))*'/y;
const REGEX = /\/(?![*/])(?:[^\\/[\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029]|\[(?:[^\]\\\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029])*\])+\/[\p{ID_Continue}$]*/uy;
const BLANK = /(?:\s|\/\/[^\n\r\u2028\u2029]*|\/\*[\s\S]*?\*\/)+/y;
const TEMPLATE_PART = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(`|\$\{)/y;

const BACKSLASH = 92;
const SLASH = 47;
/** Names before a bracket whose inside says what is imported, exported or declared. */
const BEFORE_NAMES = new Set(["import", "export", "const", "let", "var"]);

/**
 * The tokens of `source`. Each has `type` (`name`, `number`, `string`, `regex`, `template`, `punctuation`), `text`,
 * `start`, `end`, `newline` (a line break comes before it), `depth` (brackets around it) and `value` (a value ends with
 * it); brackets that are paired have the index of the other one in `pair`.
 *
 * With `outline` what is in the brackets of calls, bodies and values is read but left out, which takes a third of the time.
 */
export function tokenize(source, outline = false) {
  const tokens = [];
  const open = [];
  // How many brackets were open before the one whose inside is left out; and the last token in there, which is the same object each time.
  let left = Infinity;
  const inside = { type: "", text: "", value: false, property: false, ternary: false };
  let last;
  const ground = { kind: "block" };
  let at = 0;
  let newline = false;

  // Where a match of the pattern ends that begins here; 0 if there is none. Without the arrays that `exec` makes: each batch of a
  // backfill reads the revision anew, and this is most of the time it takes.
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.test(source) ? pattern.lastIndex : 0;
  };
  const name = () => {
    const end = match(PLAIN_NAME);
    const next = source.charCodeAt(end);
    return end !== 0 && !(next >= 128 || next === BACKSLASH) ? end : match(NAME);
  };
  // `text` is given for what is looked back at.
  const push = (type, end, value, text) => {
    if (left !== Infinity) {
      last = inside;
      inside.type = type;
      inside.text = text;
      inside.value = value;
      inside.property = false;
      inside.ternary = false;
    } else {
      last = { type, text: text ?? source.slice(at, end), start: at, end, newline, depth: open.length, value };
      tokens.push(last);
    }
    at = end;
    newline = false;
  };
  // From after a backtick or a closing brace to the next `${` or the end of the template; false: it never ends.
  const template = () => {
    const end = match(TEMPLATE_PART);
    if (!end) return false;
    if (source[end - 1] === "`") {
      push("template", end, true);
    } else {
      push("template", end, false);
      open.push({ index: tokens.length - 1, kind: "template" });
    }
    return true;
  };

  for (;;) {
    let code = source.charCodeAt(at);
    for (; code === 32 || code === 10 || code === 13 || code === 9; code = source.charCodeAt(at)) {
      if (code === 10 || code === 13) newline = true;
      at += 1;
    }
    // The slash of a comment, and what only the pattern can tell.
    if (code === SLASH || code >= 128 || code < 32) {
      const end = match(BLANK);
      if (end) {
        newline ||= /[\n\r\u2028\u2029]/.test(source.slice(at, end));
        at = end;
        code = source.charCodeAt(at);
      }
    }
    if (at >= source.length) return tokens;
    const before = last;
    const afterValue = before?.value ?? false;
    const property = before?.text === "." || before?.text === "?.";
    const char = source[at];
    const begins = BEGINS[code];
    let end;
    if (char === "`") {
      at += 1;
      if (!template()) return tokens;
    } else if (char === '"' || char === "'") {
      if (!(end = match(STRING))) return tokens;
      push("string", end, true);
    } else if ((begins === A_NAME || code >= 128) && (end = name())) {
      const word = source.slice(at, end);
      // `of` is an operator only where a value has just ended: `for (const a of /x/g.exec(b))`.
      push("name", end, property || !(BEFORE_VALUE.has(word) || (word === "of" && afterValue)), word);
      last.property = property;
    } else if (begins === A_NUMBER && (end = match(NUMBER))) {
      push("number", end, true);
    } else if (char === "/" && !afterValue && (end = match(REGEX))) {
      push("regex", end, true);
    } else {
      end = begins === LONGER || begins === A_NUMBER ? match(PUNCTUATION) : at + 1;
      const text = end === at + 1 ? char : source.slice(at, end);
      if (text === "/" && source[at + 1] === "*") return tokens; // a comment without an end
      if (text === "(" || text === "[" || text === "{") {
        const kind = kindOf(text, before, open);
        const leave = outline && left === Infinity && isCallOrValue(before);
        push("punctuation", end, false, text);
        if (leave) left = open.length;
        open.push({ index: tokens.length - 1, kind });
      } else if (text === ")" || text === "]" || text === "}") {
        const opened = open.pop();
        if (!opened) return tokens;
        if (open.length === left) left = Infinity;
        if (opened.kind === "template") {
          at += 1;
          if (!template()) return tokens;
        } else {
          push("punctuation", end, opened.kind !== "condition" && opened.kind !== "block", text);
          if (left === Infinity) {
            last.pair = opened.index;
            tokens[opened.index].pair = tokens.length - 1;
          }
        }
      } else {
        const top = open.at(-1) ?? ground;
        if (text === "?") top.ternaries = (top.ternaries ?? 0) + 1;
        push("punctuation", end, (text === "++" || text === "--") && afterValue, text);
        if (top.ternaries && text === ":") {
          top.ternaries -= 1;
          last.ternary = true;
        }
      }
    }
  }
}

/** Whether the bracket behind this token is that of a call, a body or a value, so that no name in it is a module's. */
function isCallOrValue(before) {
  if (before?.type === "name") return before.property || !BEFORE_NAMES.has(before.text);
  return before?.text === ")" || before?.text === "=>" || before?.text === "=";
}

/** What a bracket opens; for `{` whether a value can follow its end (`object`) or a statement (`block`). */
function kindOf(text, before, open) {
  if (text === "(") return before?.type === "name" && !before.property && BEFORE_CONDITION.has(before.text) ? "condition" : "group";
  if (text === "[") return "list";
  if (!before || before.value || before.text === ")" || before.text === "}") return "block";
  if (before.type === "name") return BEFORE_BLOCK.has(before.text) ? "block" : "object";
  if (before.text === ";" || before.text === "=>") return "block";
  if (before.text === "{") return open.at(-1)?.kind === "object" ? "object" : "block";
  if (before.text === ":") return before.ternary || open.at(-1)?.kind === "object" ? "object" : "block";
  return "object";
}
