#!/usr/bin/env python3
"""Measures wmigrate beside its peers, on one PostgreSQL, in one run, and prints ratios.

usage: bench/peers.py [noop|apply|components|graph|all] [--n 1000] [--runs 5] [--wmigrate target/release/wmigrate]

  noop        nothing to do at 100 revisions
  apply       --n SQL revisions of two statements; psql runs the same statements, a transaction each
  components  the same work as --n distinct Rust components, cold and with a warm compile cache
  graph       `heads` and `history` of 10,000 revisions, no database

A private server is started in a temporary folder and stopped at the end (PostgreSQL's programs: PG_BIN, or the newest of
/usr/lib/postgresql). Peers that are there are measured, the others are named: ALEMBIC, REFINERY, DBMATE, SQLX are paths of
their programs. Every tool gets the same SQL. Times are of interleaved runs, in an order that changes from turn to turn; a
ratio is the median of the turns'; memory is the peak of the process.
"""
import argparse, glob, os, pathlib, pwd, random, shutil, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def bin_folder():
    found = os.environ.get("PG_BIN") or next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)), None)
    return found or sys.exit("no PostgreSQL: set PG_BIN to the folder of its programs")


class Server:
    """PostgreSQL with its default settings, on a socket and a loopback port of its own."""

    def __init__(self, folder):
        self.folder, self.bin = folder, bin_folder()
        user = None
        if os.getuid() == 0:
            user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
            shutil.chown(folder, user)
            os.chmod(folder, 0o755)
        self.user = user
        self.port = 49000 + os.getpid() % 1000
        self.run("initdb", "-D", f"{folder}/data", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        self.run("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "start",
                 "-o", f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={folder}")
        self.base = f"postgresql://postgres@127.0.0.1:{self.port}"

    def run(self, program, *arguments):
        subprocess.run([f"{self.bin}/{program}", *arguments], check=True, stdout=subprocess.DEVNULL, user=self.user, cwd="/")

    def psql(self, database, sql):
        return subprocess.run([f"{self.bin}/psql", f"{self.base}/{database}", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql],
                              check=True, capture_output=True, text=True).stdout.strip()

    def fresh(self, database):
        self.psql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        self.psql("postgres", f'CREATE DATABASE "{database}"')

    def stop(self):
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "fast", "-w", "stop")


def up(i):
    return f"CREATE TABLE t_{i:06} (id bigint PRIMARY KEY, name text NOT NULL, created_at timestamptz);\nCREATE INDEX t_{i:06}_name ON t_{i:06} (name);"


def down(i):
    return f"DROP TABLE t_{i:06};"


class Tool:
    name, program, environment = "", None, {}

    def prepare(self, folder, n): ...
    def command(self, folder, database): ...
    def idle(self, folder, database): return self.command(folder, database)


class Psql(Tool):
    """The measure: the same statements and a version row, a transaction each."""
    name = "psql, a transaction each"

    def prepare(self, folder, n):
        each = (f"BEGIN;\n{up(i)}\nINSERT INTO ver VALUES ({i});\nCOMMIT;" for i in range(n))
        (folder / "all.sql").write_text("CREATE TABLE ver (v int PRIMARY KEY);\n" + "\n".join(each))

    def command(self, folder, database):
        return [f"{bin_folder()}/psql", f"{SERVER.base}/{database}", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(folder / "all.sql")]

    def idle(self, folder, database):
        return [f"{bin_folder()}/psql", f"{SERVER.base}/{database}", "-qAt", "-c", "SELECT 1"]


class Wmigrate(Tool):
    name = "wmigrate, SQL"

    def prepare(self, folder, n):
        (folder / "versions").mkdir()
        parent = None
        for i in range(n):
            revision = f"{i:012x}"
            head = f'-- /// wmigrate\n-- revision = "{revision}"\n' + (f'-- down_revision = "{parent}"\n' if parent else "")
            text = head + f'-- message = "m{i}"\n-- ///\n-- wmigrate:upgrade\n{up(i)}\n-- wmigrate:downgrade\n{down(i)}\n'
            (folder / "versions" / f"{revision}_m.sql").write_text(text)
            parent = revision
        self.configure(folder)

    def configure(self, folder):
        (folder / "wmigrate.toml").write_text('versions = ["versions"]\n[database]\nurl = "postgresql://127.0.0.1:1/none"\n')
        self.environment = {"WMIGRATE_CACHE_DIR": str(folder / "cache")}

    def command(self, folder, database):
        return [ARGS.wmigrate, "upgrade", "head", "--database-url", f"{SERVER.base}/{database}"]


class Components(Wmigrate):
    """One Rust component is built; the others are the same with another id, another table and so other code bytes."""
    name = "wmigrate, Rust components, warm"
    SOURCE = '''// /// wmigrate
// revision = "aaaaaaaaaaaa"
// down_revision = "bbbbbbbbbbbb"
// message = "a component"
// ///
use wmigrate_guest::prelude::*;
fn upgrade() -> Result<()> {
    sql::execute("CREATE TABLE t_cccccc (id bigint PRIMARY KEY, name text NOT NULL, created_at timestamptz)", &[])?;
    sql::execute("CREATE INDEX t_cccccc_name ON t_cccccc (name)", &[])?;
    Ok(())
}
fn downgrade() -> Result<()> {
    sql::execute("DROP TABLE t_cccccc", &[])?;
    Ok(())
}
export!(upgrade, downgrade);
'''
    ROOT = '-- /// wmigrate\n-- revision = "bbbbbbbbbbbb"\n-- ///\n-- wmigrate:upgrade\nSELECT 1;\n-- wmigrate:downgrade\nSELECT 1;\n'

    def prepare(self, folder, n):
        seed = folder / "seed"
        (seed / "versions").mkdir(parents=True)
        (seed / "versions" / "aaaaaaaaaaaa_c.rs").write_text(self.SOURCE)
        (seed / "versions" / "bbbbbbbbbbbb_r.sql").write_text(self.ROOT)
        self.configure(seed)
        subprocess.run([ARGS.wmigrate, "build", "--out", str(folder / "out")], cwd=seed, check=True, capture_output=True)
        component = (folder / "out" / "aaaaaaaaaaaa.wasm").read_bytes()
        (folder / "versions").mkdir()
        (folder / "versions" / "bbbbbbbbbbbb_r.sql").write_text(self.ROOT)
        parent = b"bbbbbbbbbbbb"
        for i in range(n):
            revision = f"{i:012x}".encode()
            bytes_ = component.replace(b"aaaaaaaaaaaa", revision).replace(b"bbbbbbbbbbbb", parent).replace(b"cccccc", f"{i:06}".encode())
            (folder / "versions" / f"{revision.decode()}_c.wasm").write_bytes(bytes_)
            parent = revision
        self.configure(folder)


class ColdComponents(Components):
    name = "wmigrate, Rust components, cold"

    def command(self, folder, database):
        shutil.rmtree(folder / "cache", ignore_errors=True)
        return super().command(folder, database)


class Alembic(Tool):
    name = "alembic, a transaction each"
    program = "ALEMBIC"

    def prepare(self, folder, n):
        alembic = os.environ[self.program]
        subprocess.run([alembic, "init", "m"], cwd=folder, check=True, capture_output=True)
        parent = None
        for i in range(n):
            revision = f"{i:012x}"
            (folder / "m" / "versions" / f"{revision}_m.py").write_text(
                f'"""m{i}"""\nfrom alembic import op\nrevision = "{revision}"\ndown_revision = {parent!r}\nbranch_labels = None\n'
                f'depends_on = None\ndef upgrade():\n    op.execute("""{up(i)}""")\ndef downgrade():\n    op.execute("""{down(i)}""")\n')
            parent = revision
        environment = folder / "m" / "env.py"
        environment.write_text(environment.read_text().replace(
            "target_metadata=target_metadata\n", "target_metadata=target_metadata, transaction_per_migration=True\n"))

    def command(self, folder, database):
        url = SERVER.base.replace("postgresql://", "postgresql+psycopg2://")
        ini = (folder / "alembic.ini").read_text().splitlines()
        ini = [f"sqlalchemy.url = {url}/{database}" if line.startswith("sqlalchemy.url") else line for line in ini]
        (folder / "alembic.ini").write_text("\n".join(ini) + "\n")
        return [os.environ[self.program], "-c", str(folder / "alembic.ini"), "upgrade", "head"]


class Refinery(Tool):
    name = "refinery"
    program = "REFINERY"

    def prepare(self, folder, n):
        (folder / "mig").mkdir()
        for i in range(n):
            (folder / "mig" / f"V{i + 1}__m{i}.sql").write_text(up(i))

    def command(self, folder, database):
        (folder / f"{database}.toml").write_text(
            f'[main]\ndb_type = "Postgres"\ndb_host = "127.0.0.1"\ndb_port = "{SERVER.port}"\ndb_user = "postgres"\ndb_pass = ""\ndb_name = "{database}"\n')
        return [os.environ[self.program], "migrate", "-c", str(folder / f"{database}.toml"), "-p", str(folder / "mig")]


class Dbmate(Tool):
    name = "dbmate"
    program = "DBMATE"

    def prepare(self, folder, n):
        (folder / "mig").mkdir()
        for i in range(n):
            (folder / "mig" / f"{20200101000000 + i}_m.sql").write_text(f"-- migrate:up\n{up(i)}\n-- migrate:down\n{down(i)}\n")

    def command(self, folder, database):
        return [os.environ[self.program], "--url", f"{SERVER.base}/{database}?sslmode=disable", "-d", str(folder / "mig"), "--no-dump-schema", "migrate"]


class Sqlx(Tool):
    name = "sqlx"
    program = "SQLX"

    def prepare(self, folder, n):
        (folder / "mig").mkdir()
        for i in range(n):
            (folder / "mig" / f"{20200101000000 + i}_m.sql").write_text(up(i))

    def command(self, folder, database):
        return [os.environ[self.program], "migrate", "run", "--source", str(folder / "mig"), "-D", f"{SERVER.base}/{database}"]


def timed(tool, command, folder):
    """Seconds and peak memory in MiB of one process."""
    environment = {**os.environ, **tool.environment, "RUST_LOG": "error"}
    with tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{tool.name}: exit {process.returncode}: {errors.read().decode()[-800:]}")
    return took, usage.ru_maxrss / 1024


def installed(tools):
    for tool in tools:
        if tool.program is None or os.environ.get(tool.program):
            yield tool
        else:
            print(f"  {tool.name}: not measured, {tool.program} is not set")


def table(title, rows, base):
    print(f"\n{title}\n  {'':36} {'min s':>8} {'median s':>9} {'max s':>8} {'MiB':>6}  ratio to {base}")
    for name, runs in rows.items():
        times = [time for time, _ in runs]
        # Turn by turn: a machine that slows down slows both.
        ratio = statistics.median(time / reference for time, (reference, _) in zip(times, rows[base]))
        print(f"  {name:36} {min(times):8.3f} {statistics.median(times):9.3f} {max(times):8.3f} {max(m for _, m in runs):6.0f}  {ratio:6.2f} x")


def compare(title, tools, n, runs, root, noop=False):
    tools = list(installed(tools))
    folders = {}
    for tool in tools:
        folders[tool] = root / f"{title.split()[0]}-{len(folders)}"
        folders[tool].mkdir()
        tool.prepare(folders[tool], n)
    rows = {tool.name: [] for tool in tools}
    if noop:
        for k, tool in enumerate(tools):
            SERVER.fresh(f"bench_{k}")
            timed(tool, tool.command(folders[tool], f"bench_{k}"), folders[tool])
    for turn in range(runs + 1):
        for k, tool in random.sample(list(enumerate(tools)), len(tools)):
            database = f"bench_{k}"
            if not noop:
                SERVER.fresh(database)
            command = tool.idle(folders[tool], database) if noop else tool.command(folders[tool], database)
            measured = timed(tool, command, folders[tool])
            # The first turn warms caches, those of the operating system too.
            if turn:
                rows[tool.name].append(measured)
    table(title, rows, tools[0].name)
    for k in range(len(tools)):
        SERVER.psql("postgres", f'DROP DATABASE IF EXISTS "bench_{k}" WITH (FORCE)')
    for folder in folders.values():
        shutil.rmtree(folder)


def graph(root, runs):
    tool = Wmigrate()
    folder = root / "graph"
    folder.mkdir()
    tool.prepare(folder, 10_000)
    rows = {}
    for command in (["heads"], ["history"], ["--version"]):
        name = "wmigrate " + " ".join(command)
        rows[name] = [timed(tool, [ARGS.wmigrate, *command], folder) for _ in range(runs + 1)][1:]
    table("10,000 revisions, warm index", rows, "wmigrate --version")
    shutil.rmtree(folder)


def main():
    global ARGS, SERVER
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="all", choices=["noop", "apply", "components", "graph", "all"])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--wmigrate", default=str(ROOT / "target" / "release" / "wmigrate"))
    ARGS = parser.parse_args()
    ARGS.wmigrate = str(pathlib.Path(ARGS.wmigrate).resolve())
    root = pathlib.Path(tempfile.mkdtemp(prefix="wmigrate-bench-"))
    os.chmod(root, 0o755)
    (root / "server").mkdir()
    SERVER = Server(root / "server")
    print(f"PostgreSQL {SERVER.psql('postgres', 'SHOW server_version')}, {os.cpu_count()} cores, {ARGS.runs} runs each")
    peers = [Refinery(), Sqlx(), Dbmate(), Alembic()]
    try:
        if ARGS.what in ("noop", "all"):
            compare("nothing to do, 100 revisions", [Psql(), Wmigrate(), *peers], 100, max(ARGS.runs, 9), root, noop=True)
        if ARGS.what in ("apply", "all"):
            compare(f"apply {ARGS.n} revisions", [Psql(), Wmigrate(), *peers], ARGS.n, ARGS.runs, root)
        if ARGS.what in ("components", "all"):
            compare(f"components, {ARGS.n} revisions", [Psql(), Components(), ColdComponents()], ARGS.n, max(2, ARGS.runs // 2), root)
        if ARGS.what in ("graph", "all"):
            graph(root, max(ARGS.runs, 9))
    finally:
        SERVER.stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
