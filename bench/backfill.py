#!/usr/bin/env python3
"""Measures wmigrate's backfills beside other ways to do the same work, on one PostgreSQL, in one run, and prints ratios.

usage: bench/backfill.py [--rows 1000000] [--runs 3] [--only NAME,…] [--wmigrate target/release/wmigrate] [--markdown]
       bench/backfill.py --memory [10]

The work: of every row of contacts(id, full_name, phone) the name is split at its first space, and the phone number becomes
'+' and its digits, with '+1' before ten of them. Every result is compared by a checksum.

  sql-one      one UPDATE, through psql
  sql          an UPDATE for each 10,000 rows, each committed
  sql-async    the same, no commit waits for the disk: wmigrate's do not either
  native       bench/native-backfill: wmigrate's pipeline written for this table, without a sandbox and a journal
  native-2     with two workers
  rust         wmigrate, a Rust revision
  rust-2       with two workers
  js           wmigrate, a JavaScript revision
  update       wmigrate, the work as an SQL expression
  python-copy  COPY into a temporary table and UPDATE FROM it: the best that a Python migration does (psycopg)
  python-rows  an UPDATE for each row, sent by the thousand: what most Alembic data migrations do (psycopg2)

The server is that of bench/peers.py: private, default settings, stopped at the end. The table is made anew, vacuumed and
checkpointed before each measurement. Times are of whole processes, Python's without its imports; revisions are built, and
compiled by a run on a small table, before. In each turn every variant runs once, in an order that changes; a ratio is the
median of the turns'. Memory is the peak of the process that drives the work; what is below this program's own does not show. What
fails is named, the others go on, and the exit code is 1.

--memory measures peak memory of `rust`, `rust-2` and `js` instead, at --rows and at that many times as many rows.
"""
import argparse, importlib.util, json, os, pathlib, random, shutil, statistics, subprocess, sys, tempfile, time

from backfill_revisions import COLUMNS, FIRST, JAVASCRIPT, RUST, SET, UPDATE
from peers import ROOT, Server

BATCH = 10_000
DATABASE = "bench_backfill"
SEED = """
CREATE TABLE contacts (id bigint PRIMARY KEY, full_name text NOT NULL, phone text NOT NULL, first_name text, last_name text, phone_e164 text);
INSERT INTO contacts (id, full_name, phone)
SELECT i, 'First' || (i * 7919 % 10007) || ' Last' || (i * 104729 % 100003),
       CASE i % 3 WHEN 0 THEN '(555) ' || lpad((i % 1000)::text, 3, '0') || '-' || lpad((i * 31 % 10000)::text, 4, '0')
                  WHEN 1 THEN '+44 20 ' || lpad((i % 10000)::text, 4, '0') || ' ' || lpad((i * 17 % 10000)::text, 4, '0')
                  ELSE '1.555.' || lpad((i % 1000)::text, 3, '0') || '.' || lpad((i * 13 % 10000)::text, 4, '0') END
FROM generate_series(1::bigint, {rows}) i;
"""
# In two steps: one string of all rows may be too long for the server.
CHECK = """SELECT count(*) || ':' || md5(string_agg(h, '' ORDER BY k)) FROM (
    SELECT id / 1000 k, md5(string_agg(concat_ws('|', {0}, {1}, {2}), ',' ORDER BY id)) h FROM contacts GROUP BY 1) s"""

# Ratios of speeds, by the names of the two, and what each is to be at least.
ASKED = [
    ("rust", "native", 0.95, "a Rust guest beside the same pipeline native"),
    ("rust", "sql", 1.0, "a Rust guest beside batched SQL UPDATEs"),
    ("rust", "python-copy", 1.4, "a Rust guest beside Python with COPY"),
    ("rust", "python-rows", 3.7, "a Rust guest beside Python row by row"),
    ("js", "sql-one", 80 / 199, "a JavaScript guest: 80k rows/s where one SQL UPDATE does 199k"),
    ("rust-2", "sql", 1.35, "two workers beside batched SQL UPDATEs"),
    # Without an aim: they say how much of the others is the sandbox's doing, and how much waiting for the disk.
    ("native", "sql", None, "native beside batched SQL UPDATEs"),
    ("native-2", "sql", None, "native, two workers, beside batched SQL UPDATEs"),
    ("rust-2", "native-2", None, "two workers beside native, two workers"),
    ("rust", "sql-async", None, "a Rust guest beside SQL UPDATEs that do not wait for the disk"),
    ("update", "sql-async", None, "an SQL expression beside SQL UPDATEs that do not wait for the disk"),
]
CHECKPOINT_PERCENT = 3
OVER_IDLE_MIB = 64
# Between two runs of one program that does the same, a few MiB come and go.
FLAT_MIB = 8


class Failed(Exception):
    """A variant could not be made or run, or its result is wrong."""


def run(name, command, folder=None, environment=None):
    """Seconds, peak memory in MiB and standard output of one process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env={**os.environ, **(environment or {})})
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), errors.seek(0)
        if process.returncode:
            raise Failed(f"{name}: exit {process.returncode}: {errors.read().decode(errors='replace').strip()[-1500:]}")
        return took, usage.ru_maxrss / 1024, out.read().decode()


def url():
    return f"{SERVER.base}/{DATABASE}"


def seed(rows):
    SERVER.fresh(DATABASE)
    SERVER.psql(DATABASE, SEED.format(rows=rows))
    SERVER.psql(DATABASE, "VACUUM (ANALYZE) contacts")
    SERVER.psql(DATABASE, "CHECKPOINT")


class Variant:
    def __init__(self, name):
        self.name = name

    def missing(self):
        """Why it cannot be measured here."""
        return None

    def prepare(self, folder): ...

    def before(self, rows):
        """After the table is made, outside of the measurement."""

    def command(self, rows): ...

    def measure(self, rows):
        seed(rows)
        self.before(rows)
        took, peak, out = run(self.name, **self.command(rows))
        got = SERVER.psql(DATABASE, CHECK.format(*COLUMNS))
        want = SERVER.psql(DATABASE, CHECK.format(*COLUMNS.values()))
        if got != want:
            raise Failed(f"{self.name}: wrong result, {got} instead of {want}")
        return self.seconds(took, out), peak

    def seconds(self, took, _out):
        return took


class Sql(Variant):
    def __init__(self, name, batch=None, session=""):
        super().__init__(name)
        self.batch, self.session = batch, session

    def prepare(self, folder):
        self.file = folder / "updates.sql"

    def before(self, rows):
        batch = self.batch or rows
        updates = (f"UPDATE contacts SET {SET} WHERE id > {low} AND id <= {low + batch};" for low in range(0, rows, batch))
        self.file.write_text("\n".join([self.session, *updates] if self.batch else [f"UPDATE contacts SET {SET};"]))

    def command(self, rows):
        return {"command": [f"{SERVER.bin}/psql", url(), "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(self.file)]}


class Native(Variant):
    def __init__(self, name, workers):
        super().__init__(name)
        self.workers = workers

    def missing(self):
        return None if shutil.which("cargo") else "there is no cargo"

    def prepare(self, folder):
        manifest = ROOT / "bench" / "native-backfill" / "Cargo.toml"
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target" / "native-backfill").resolve()
        # In its folder: the toolchain is chosen by where cargo runs.
        run(self.name, ["cargo", "build", "-q", "--release", "--locked", "--manifest-path", str(manifest), "--target-dir", str(target)], manifest.parent)
        self.program = target / "release" / "native-backfill"

    def command(self, rows):
        return {"command": [str(self.program), url(), "--rows-per-batch", str(BATCH), "--lanes", "2", "--workers", str(self.workers)]}


class Wmigrate(Variant):
    """A revision whose upgrade is the backfill; the version before it makes wmigrate's own tables, unmeasured."""

    def __init__(self, name, extension, source, *options):
        super().__init__(name)
        self.extension, self.source, self.options = extension, source, options

    def missing(self):
        return None if os.access(ARGS.wmigrate, os.X_OK) else f"there is no {ARGS.wmigrate}"

    def prepare(self, folder):
        self.folder = folder
        self.environment = {"WMIGRATE_CACHE_DIR": str(folder / "cache"), "RUST_LOG": "error"}
        (folder / "versions").mkdir()
        (folder / "wmigrate.toml").write_text('versions = ["versions"]\n[database]\nurl = "postgresql://127.0.0.1:1/none"\n')
        (folder / "versions" / "aaaaaaaaaaaa_first.sql").write_text(FIRST)
        (folder / "versions" / f"bbbbbbbbbbbb_names.{self.extension}").write_text(self.source)
        run(self.name, **self.wmigrate("build"))
        # Fills the compile cache, and says early what does not work.
        self.measure(1000)

    def wmigrate(self, *arguments):
        return {"command": [ARGS.wmigrate, *arguments], "folder": self.folder, "environment": self.environment}

    def before(self, rows):
        run(self.name, **self.wmigrate("upgrade", "aaaaaaaaaaaa", "--database-url", url()))

    def command(self, rows):
        return self.wmigrate("upgrade", "head", "--database-url", url(), *self.options)

    def idle(self):
        """Peak memory of a command that runs no guest."""
        return run(self.name, **self.wmigrate("current", "--database-url", url()))[1]


class Python(Variant):
    def __init__(self, name, module):
        super().__init__(name)
        self.module = module

    def missing(self):
        return None if importlib.util.find_spec(self.module) else f"{sys.executable} has no {self.module}"

    def command(self, rows):
        return {"command": [sys.executable, str(ROOT / "bench" / "backfill_python.py"), self.name, url(), str(rows), str(BATCH)]}

    def seconds(self, _took, out):
        return json.loads(out)["seconds"]


VARIANTS = [
    Sql("sql-one"),
    Sql("sql", BATCH),
    Sql("sql-async", BATCH, "SET synchronous_commit = off;"),
    Native("native", 1),
    Native("native-2", 2),
    Wmigrate("rust", "rs", RUST),
    Wmigrate("rust-2", "rs", RUST, "--workers", "2"),
    Wmigrate("js", "js", JAVASCRIPT),
    Wmigrate("update", "js", UPDATE),
    Python("python-copy", "psycopg"),
    Python("python-rows", "psycopg2"),
]


def ready(variants, root):
    """Those that are there and could be made, and whether all could that are there."""
    found, well = [], True
    for variant in variants:
        if why := variant.missing():
            print(f"  {variant.name}: left out, {why}", flush=True)
            continue
        folder = root / variant.name
        folder.mkdir()
        os.chmod(folder, 0o755)
        try:
            variant.prepare(folder)
            found.append(variant)
        except (Failed, subprocess.CalledProcessError) as error:
            well = say(variant, error)
    return found, well


def say(variant, error):
    # What a server's program says is not in the text of the exception.
    detail = (getattr(error, "stderr", None) or "").strip() or str(error)
    print(f"  {variant.name}: FAILED, and left out from here on\n    " + detail.replace("\n", "\n    "), flush=True)
    return False


def table(head, rows):
    if ARGS.markdown:
        print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        for row in rows:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    print()
    for row in [head, *rows]:
        print("  " + "  ".join(cell.ljust(width) if k == 0 else cell.rjust(width) for k, (cell, width) in enumerate(zip(row, widths))).rstrip())


def speeds(root):
    variants, well = ready([variant for variant in VARIANTS if variant.name in ARGS.only], root)
    runs = {variant.name: [] for variant in variants}
    failed = set()
    for turn in range(ARGS.runs):
        for variant in random.sample(variants, len(variants)):
            if variant.name in failed:
                continue
            try:
                runs[variant.name].append(variant.measure(ARGS.rows))
            except (Failed, subprocess.CalledProcessError) as error:
                failed.add(variant.name)
                well = say(variant, error)
        print(f"  turn {turn + 1} of {ARGS.runs}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    runs = {name: measured for name, measured in runs.items() if name not in failed and measured}
    rows = []
    for name, measured in runs.items():
        times = [seconds for seconds, _ in measured]
        rows.append([name, f"{statistics.median(ARGS.rows / time / 1000 for time in times):.1f}", f"{min(times):.2f}",
                     f"{statistics.median(times):.2f}", f"{max(times):.2f}", f"{max(peak for _, peak in measured):.0f}"])
    table(["variant", "1000 rows/s", "min s", "median s", "max s", "MiB"], rows)
    rows = []
    for name, reference, asked, what in ASKED:
        if name in runs and reference in runs:
            # Turn by turn: a machine that slows down slows both.
            ratios = [other / own for (own, _), (other, _) in zip(runs[name], runs[reference])]
            ratio = statistics.median(ratios)
            verdict = "" if asked is None else "met" if ratio >= asked else "missed"
            rows.append([f"{what} ({name} / {reference})", f"{ratio:.2f}", f"{min(ratios):.2f}–{max(ratios):.2f}",
                         "" if asked is None else f"≥ {asked:.2f}", verdict])
    if rust := next((variant for variant in variants if variant.name == "rust" and "rust" in runs), None):
        try:
            percent = checkpoints(rust)
        except (Failed, subprocess.CalledProcessError) as error:
            percent, well = None, say(rust, error)
        if percent is not None:
            verdict = "met" if percent <= CHECKPOINT_PERCENT else "missed"
            rows.append([f"time in statements on wmigrate's own tables, batches of {BATCH}, in %", f"{percent:.2f}", "", f"≤ {CHECKPOINT_PERCENT}", verdict])
    table(["ratio of speeds", "median", "range", "asked", ""], rows)
    return well


def preload():
    """Lets the server count its time by statement; it does so only in the one run that asks for it."""
    if SERVER.psql("postgres", "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'") != "1":
        return
    SERVER.psql("postgres", "ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements")
    SERVER.run("pg_ctl", "-D", f"{SERVER.folder}/data", "-l", f"{SERVER.folder}/log", "-w", "restart")
    # A setting that the server knows only now.
    SERVER.psql("postgres", "ALTER SYSTEM SET pg_stat_statements.track = none")
    SERVER.psql("postgres", "SELECT pg_reload_conf()")


def checkpoints(variant):
    """How much of a run the server spends on statements that name wmigrate's schema, in percent. None where it cannot be told."""
    if SERVER.psql("postgres", "SHOW shared_preload_libraries") != "pg_stat_statements":
        print("  checkpoints: not measured, the server has no pg_stat_statements")
        return None
    seed(ARGS.rows)
    SERVER.psql(DATABASE, "CREATE EXTENSION pg_stat_statements")
    SERVER.psql(DATABASE, f"ALTER DATABASE {DATABASE} SET pg_stat_statements.track = top")
    SERVER.psql(DATABASE, f"ALTER DATABASE {DATABASE} SET pg_stat_statements.track_planning = on")
    variant.before(ARGS.rows)
    SERVER.psql(DATABASE, "SELECT pg_stat_statements_reset()")
    took, _, _ = run(variant.name, **variant.command(ARGS.rows))
    spent = SERVER.psql(DATABASE, r"SELECT coalesce(sum(total_exec_time + total_plan_time), 0) / 1000 FROM pg_stat_statements WHERE query ~ '\mwmigrate\M'")
    return float(spent) / took * 100


def memory(root):
    variants, well = ready([variant for variant in VARIANTS if variant.name in ("rust", "rust-2", "js") and variant.name in ARGS.only], root)
    rows = []
    for variant in variants:
        try:
            _, few = variant.measure(ARGS.rows)
            idle = variant.idle()
            _, many = variant.measure(ARGS.rows * ARGS.memory)
        except (Failed, subprocess.CalledProcessError) as error:
            well = say(variant, error)
            continue
        over = max(few, many) - idle
        met = over <= OVER_IDLE_MIB and many - few <= FLAT_MIB
        rows.append([variant.name, f"{idle:.0f}", f"{few:.0f}", f"{many:.0f}", f"{over:.0f}", f"≤ {OVER_IDLE_MIB}, flat", "met" if met else "missed"])
    table(["peak memory in MiB", "idle", f"{ARGS.rows} rows", f"{ARGS.rows * ARGS.memory} rows", "over idle", "asked", ""], rows)
    return well


def count(text):
    """A number from 1 on, for argparse."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def main():
    global ARGS, SERVER
    names = [variant.name for variant in VARIANTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=count, default=1_000_000)
    parser.add_argument("--runs", type=count, default=3)
    parser.add_argument("--only", type=lambda text: text.split(","), default=names)
    parser.add_argument("--memory", type=count, nargs="?", const=10)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--wmigrate", default=str(ROOT / "target" / "release" / "wmigrate"))
    ARGS = parser.parse_args()
    if unknown := set(ARGS.only) - set(names):
        parser.error(f"no variant {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    ARGS.wmigrate = str(pathlib.Path(ARGS.wmigrate).resolve())
    root = pathlib.Path(tempfile.mkdtemp(prefix="wmigrate-bench-"))
    os.chmod(root, 0o755)
    (root / "server").mkdir()
    SERVER = Server(root / "server")
    try:
        preload()
        print(f"PostgreSQL {SERVER.psql('postgres', 'SHOW server_version')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
              f"{ARGS.rows} rows, {ARGS.runs} runs each", flush=True)
        well = memory(root) if ARGS.memory else speeds(root)
    finally:
        SERVER.stop()
        shutil.rmtree(root, ignore_errors=True)
    if not well:
        sys.exit(1)


if __name__ == "__main__":
    main()
