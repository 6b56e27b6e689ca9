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
const PUNCTUATION = /(?:\.\.\.|=>|\?\.(?!\d)|\?\?|\+\+|--|[\s\S])/y;
const NAME = /[\p{ID_Start}$_#\\](?:[\p{ID_Continue}$\u200c\u200d]|\\u\{[0-9a-fA-F]+\}|\\u[0-9a-fA-F]{4}|\\)*/uy;
const NUMBER = /(?:\d|\.\d)(?:[eE][+-]|[\w.])*/y;
const STRING = /"(?:[^"\\\n\r]|\\(?:\r\n|[\s\S]))*"|'(?:[^'\\\n\r]|\\(?:\r\n|[\s\S]))*'/y;
const REGEX = /\/(?![*/])(?:[^\\/[\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029]|\[(?:[^\]\\\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029])*\])+\/[\p{ID_Continue}$]*/uy;
const BLANK = /(?:\s|\/\/[^\n\r\u2028\u2029]*|\/\*[\s\S]*?\*\/)+/y;
const TEMPLATE_PART = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(`|\$\{)/y;

/**
 * The tokens of `source`. Each has `type` (`name`, `number`, `string`, `regex`, `template`, `punctuation`), `text`,
 * `start`, `end`, `newline` (a line break comes before it), `depth` (brackets around it) and `value` (a value ends with
 * it); brackets that are paired have the index of the other one in `pair`.
 */
export function tokenize(source) {
  const tokens = [];
  const open = [];
  const ground = { kind: "block" };
  let at = 0;
  let newline = false;

  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  const push = (type, text, value) => {
    tokens.push({ type, text, start: at, end: at + text.length, newline, depth: open.length, value });
    at += text.length;
    newline = false;
  };
  // From after a backtick or a closing brace to the next `${` or the end of the template; false: it never ends.
  const template = () => {
    const part = match(TEMPLATE_PART);
    if (!part) return false;
    if (part[1] === "`") {
      push("template", part[0], true);
    } else {
      push("template", part[0], false);
      open.push({ index: tokens.length - 1, kind: "template" });
    }
    return true;
  };

  for (;;) {
    const blank = match(BLANK);
    if (blank) {
      newline ||= /[\n\r\u2028\u2029]/.test(blank[0]);
      at += blank[0].length;
    }
    if (at >= source.length) return tokens;
    const before = tokens.at(-1);
    const afterValue = before?.value ?? false;
    const property = before?.text === "." || before?.text === "?.";
    const char = source[at];
    let found;
    if (char === "`") {
      at += 1;
      if (!template()) return tokens;
    } else if (char === '"' || char === "'") {
      if (!(found = match(STRING))) return tokens;
      push("string", found[0], true);
    } else if ((found = match(NUMBER))) {
      push("number", found[0], true);
    } else if ((found = match(NAME))) {
      const word = found[0];
      // `of` is an operator only where a value has just ended: `for (const a of /x/g.exec(b))`.
      push("name", word, property || !(BEFORE_VALUE.has(word) || (word === "of" && afterValue)));
      tokens.at(-1).property = property;
    } else if (char === "/" && !afterValue && (found = match(REGEX))) {
      push("regex", found[0], true);
    } else {
      const text = match(PUNCTUATION)[0];
      if (text === "/" && source[at + 1] === "*") return tokens; // a comment without an end
      if (text === "(" || text === "[" || text === "{") {
        push("punctuation", text, false);
        open.push({ index: tokens.length - 1, kind: kindOf(text, before, open) });
      } else if (text === ")" || text === "]" || text === "}") {
        const opened = open.pop();
        if (!opened) return tokens;
        if (opened.kind === "template") {
          at += 1;
          if (!template()) return tokens;
        } else {
          push("punctuation", text, opened.kind !== "condition" && opened.kind !== "block");
          tokens.at(-1).pair = opened.index;
          tokens[opened.index].pair = tokens.length - 1;
        }
      } else {
        const top = open.at(-1) ?? ground;
        if (text === "?") top.ternaries = (top.ternaries ?? 0) + 1;
        push("punctuation", text, (text === "++" || text === "--") && afterValue);
        if (top.ternaries && text === ":") {
          top.ternaries -= 1;
          tokens.at(-1).ternary = true;
        }
      }
    }
  }
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
