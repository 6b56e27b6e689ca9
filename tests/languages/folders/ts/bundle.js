var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __getProtoOf = Object.getPrototypeOf;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __commonJS = (cb, mod) => function __require() {
  try {
    return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
  } catch (e) {
    throw mod = 0, e;
  }
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
  // If the importer is in node compatibility mode or this is not an ESM
  // file that has been converted to a CommonJS file using a Babel-
  // compatible transform (i.e. "__esModule" has not been set), then set
  // "default" to the CommonJS "module.exports" for node compatibility.
  isNodeMode || !mod || !mod.__esModule ? __defProp(target, "default", { value: mod, enumerable: true }) : target,
  mod
));

// node_modules/initials/words.js
var require_words = __commonJS({
  "node_modules/initials/words.js"(exports, module) {
    exports = module.exports = (text) => text.split(/\s+/u).filter(Boolean);
  }
});

// node_modules/initials/index.js
var require_initials = __commonJS({
  "node_modules/initials/index.js"(exports, module) {
    var words = require_words();
    module.exports = (name) => words(name).map(([first]) => first).join("");
  }
});

// index.ts
var import_initials = __toESM(require_initials());
import { sql } from "wmigrate";
function upgrade() {
  for (const { id, name } of sql.query("SELECT id, name FROM people")) {
    sql.execute("UPDATE people SET initials = $1 WHERE id = $2", [(0, import_initials.default)(name), id]);
  }
}
function downgrade() {
  sql.execute("UPDATE people SET initials = NULL");
}
export {
  downgrade,
  upgrade
};
