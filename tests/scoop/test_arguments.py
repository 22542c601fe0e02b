"""The options of ``python -m scoop``: how they are read, what they do, and what is said of wrong ones."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from scoop.arguments import Options, parse, program_parser, split
from scoop.cli import main
from scoop_core.hosts import default_workers
from tests.scoop.running import PROGRAMS, run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a program."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prog.py").write_text("print('it ran')")
    (tmp_path / "plain").write_text("print('it ran')")
    (tmp_path / "hosts").write_text("localhost 3\nlocalhost\n")
    return tmp_path


# ---- how they are read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "options", "rest"),
    [
        ("prog.py --host a", "", "prog.py --host a"),
        ("--host a b prog.py -n 3", "--host=a --host=b", "prog.py -n 3"),
        ("--hosts a b plain x", "--hosts=a --hosts=b", "plain x"),
        ("--host a b -- other x -- y", "--host=a --host=b", "other x -- y"),
        ("--host a b -n 4 other", "--host=a --host=b -n 4", "other"),
        ("--host a b -m package.module x", "--host=a --host=b -m", "package.module x"),
        ("--host a --host b prog.py", "--host=a --host=b", "prog.py"),
        ("--host=a b", "--host=a", "b"),
        ("--host a b ./missing", "--host=a --host=b", "./missing"),
        ("--host prog.py", "--host=", "prog.py"),
        ("-n 2 -v --log file prog.py", "-n 2 -v --log file", "prog.py"),
        ("-vqn 2 prog.py", "-vqn 2", "prog.py"),
        ("-n2 prog.py", "-n2", "prog.py"),
        ("--nice -5 prog.py", "--nice -5", "prog.py"),
        ("-e --debug prog.py --debug", "-e --debug", "prog.py --debug"),
        ("-- -odd-", "", "-odd-"),
        ("--help", "--help", ""),
    ],
)
def test_options_end_where_the_program_begins(here: Path, line: str, options: str, rest: str) -> None:
    _, with_values = program_parser()
    assert split(line.split(), with_values) == (options.split(), rest.split())


def test_every_option_is_documented() -> None:
    guide = Path(__file__).parents[2].joinpath("docs", "guide.md").read_text()
    table = guide.partition("### Options of programs")[2].partition("###")[0]
    parser, _ = program_parser()
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", parser.format_help()))
    assert {"-n", "-vv", "--host", "--hosts", "--broker-hostname", "-e", "-p"} <= options
    assert {option for option in options if f"`{option}`" not in table and f"`{option} " not in table} == set()


def read(line: str) -> Options:
    return parse(line.split())


def test_all_options_are_understood(here: Path) -> None:
    (here / "folder").mkdir()
    (here / "site.sh").touch()
    line = (
        "--hostfile hosts -n 5 --path folder --pythonpath a:/b --python-interpreter python3 --prolog site.sh "
        "--nice 3 -v --log log.txt --progress --profile --debug --tunnel --external-hostname me.local "
        "--ssh-executable my-ssh --name x --backend ZMQ prog.py -x"
    )
    options = read(line)
    assert options.interpreter.startswith("/") and options.interpreter.endswith("python3")
    assert options == Options(
        program="prog.py",
        arguments=["-x"],
        module=False,
        hosts=[("localhost", 5)],
        name="x",
        nice=3,
        path=str(here / "folder"),
        pythonpath=[str(here / "a"), "/b"],
        interpreter=options.interpreter,
        prolog=str(here / "site.sh"),
        level=logging.INFO,
        log=str(here / "log.txt"),
        progress="auto",
        profile=True,
        debug=True,
        tunnel=True,
        external_hostname="me.local",
        ssh="my-ssh",
    )
    assert read("-e prog.py").tunnel
    assert read("--broker-hostname me prog.py").external_hostname == "me"
    assert read("-p folder prog.py").path == options.path


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("", logging.WARNING),
        ("-v", logging.INFO),
        ("--verbose", logging.INFO),
        ("-vv", logging.DEBUG),
        ("-vvvv", logging.DEBUG),
        ("-q", logging.ERROR),
        ("--quiet -v", logging.WARNING),
        ("-qqqq", logging.CRITICAL),
    ],
)
def test_what_is_worth_telling(here: Path, line: str, level: int) -> None:
    assert read(f"{line} prog.py").level == level


@pytest.mark.parametrize(
    ("line", "hosts"),
    [
        ("", [("localhost", default_workers())]),
        ("-n 7", [("localhost", 7)]),
        ("--host a b a a", [("a", 3), ("b", 1)]),
        ("--host n[1-3] -n 2", [("n1", 1), ("n2", 1)]),
        ("--host a b -n 5", [("a", 3), ("b", 2)]),
        ("--hostfile hosts -n 6", [("localhost", 6)]),
        ("--hostfile hosts", [("localhost", default_workers())]),
    ],
)
def test_hosts(here: Path, line: str, hosts: Any) -> None:
    assert read(f"{line} prog.py").hosts == hosts


# ---- what is wrong with them ------------------------------------------------------------------------------------

WRONG = [
    ("--hostfile missing prog.py", "--hostfile: there is no file 'missing'"),
    ("--hostfile wrong prog.py", "wrong: line 2: 'many' is no number of workers"),
    ("--hostfile empty prog.py", "empty: it names no host"),
    ("--hostfile binary prog.py", "binary: "),
    ("--hostfile hosts --host a prog.py", "exclude each other"),
    ("--host -n 2 prog.py", "--host/--hosts: '' is no name of a host"),
    ("--host n[3-1] prog.py", "'3-1' in 'n[3-1]' is no range of numbers"),
    ("--host a b other", "required: program (behind --host write -- before it)"),
    ("--external-hostname a/b prog.py", "'a/b' is no name of a host"),
    ("-n -1 prog.py", "'-1' is not a positive number"),
    ("-n", "-n: expected one argument"),
    ("--nice high prog.py", "--nice: invalid int value: 'high'"),
    ("--path missing prog.py", "there is no folder 'missing'"),
    ("--prolog missing prog.py", "there is no file 'missing'"),
    ("--python-interpreter missing prog.py", "there is no program 'missing'"),
    ("--backend TCP prog.py", "'TCP' was replaced by Unix sockets"),
    ("--rsh prog.py", "--rsh was replaced by `--ssh-executable rsh`"),
    ("-b 2 prog.py", "several brokers were replaced by one"),
    ("--debugg prog.py", "unrecognized arguments: --debugg"),
    ("--deb prog.py", "unrecognized arguments: --deb"),
    ("missing.py", "missing.py"),
]


@pytest.mark.parametrize(("line", "said"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_input_gets_one_line(here: Path, capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    (here / "wrong").write_text("a 1\nb many\n")
    (here / "empty").write_text("# nobody\n")
    (here / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SystemExit) as caught:
        main(line.split())
    out, err = capsys.readouterr()
    assert caught.value.code == 2 and out == ""
    assert err.startswith("python -m scoop: ") and len(err.splitlines()) == 1 and said in err, err


def test_only_root_may_be_less_nice(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit):
        main(["--nice", "-3", "prog.py"])
    assert "only root" in capsys.readouterr().err


def scoop(*arguments: str | Path | int, **options: Any) -> tuple[int, str, str]:
    """Run ``python -m scoop``: exit code, and what it printed on both streams."""
    done = run("-m", "scoop", *map(str, arguments), **options)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--log", "missing/log.txt"], "No such file or directory"),
        (["--host", "no.such.host", "-n", "2"], "There is no way from"),
        (["--prolog", "fails.sh"], "fails.sh failed with exit code 3"),
        (["--profile"], "File exists: "),
    ],
)
def test_wrong_input_gets_one_line_and_exit_code_2(here: Path, arguments: list[str], said: str) -> None:
    (here / "fails.sh").write_text("(exit 3)")
    (here / "profile").touch()  # where a folder should be
    code, out, err = scoop(*arguments, "prog.py", cwd=here)
    assert (code, out) == (2, "")
    assert err.startswith("python -m scoop: ") and len(err.splitlines()) == 1 and said in err, err


# ---- what they do -----------------------------------------------------------------------------------------------


def test_this_host_has_several_names(here: Path) -> None:
    (here / "count.py").write_text("import scoop; print(scoop.SIZE if scoop.IS_RUNNING else '', flush=True)")
    own = socket.gethostname()
    code, out, err = scoop("--host", "localhost", "127.0.0.1", own, own, "count.py", cwd=here)
    assert (code, err) == (0, "") and "4" in out.split()


def test_where_it_runs(here: Path) -> None:
    """Folder, modules, prolog, interpreter: the same for the program and for workers, and once each."""
    for folder in ("work", "modules"):
        (here / folder).mkdir()
    (here / "modules" / "only_there.py").touch()
    (here / "site.sh").write_text('export SAID="by the prolog $# ${SAID-}"\nset -- other arguments\n')
    wrapper = here / "my-python"
    wrapper.write_text(f'#!/bin/sh\nWRAPPED="yes $WRAPPED" exec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    program = os.path.relpath(PROGRAMS / "facts.py", here / "work")
    code, out, err = scoop(
        "-n", 2, "--path", "work", "--pythonpath", "nowhere:modules", "--prolog", "site.sh",
        "--python-interpreter", "./my-python", "--nice", 3, program, here, "a b", "*", cwd=here, input="typed",
    )  # fmt: skip
    assert code == 0 and err.count("WARNING a warning") == 2, err
    *facts, last = out.splitlines()
    assert last == "['a b', '*'] typed"
    seen = [json.loads(line) for line in facts]
    assert len({one.pop("pid") for one in seen}) == 2
    assert [one.pop("nice") for one in seen] == [os.nice(0), min(19, os.nice(0) + 3)]
    expected = {"cwd": str(here / "work"), "found": True, "said": "by the prolog 0 ", "wrapped": "yes "}
    assert seen == [expected, expected]


def test_where_modules_are_looked_for(here: Path) -> None:
    for folder in ("one", "two"):
        (here / folder).mkdir()
        (here / folder / "only_there.py").write_text(f"WHERE = {folder!r}")
    (here / "prog.py").write_text("import os, only_there; print(only_there.WHERE, os.environ['PYTHONPATH'])")
    environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH") or "/elsewhere"}
    code, out, err = scoop("-n", 1, "--pythonpath", "one:two", "prog.py", cwd=here, env=environment)
    assert (code, err) == (0, "")
    assert out == f"one {here / 'one'}:{here / 'two'}:{environment['PYTHONPATH']}\n"


@pytest.mark.parametrize("option", ["-v", "-q"])
def test_what_is_logged(here: Path, option: str) -> None:
    (here / "log.txt").write_text("from before\n")
    code, _, err = scoop("-n", 2, option, "--log", "log.txt", PROGRAMS / "facts.py", here, cwd=here)
    assert (code, err) == (0, "")
    before, *lines = (here / "log.txt").read_text().splitlines()
    assert before == "from before"
    records = [re.fullmatch(r"\[[-\d]+ [\d:,]+\] (\w+) \((w\d)\) (\w+) (.*)", line) for line in lines]
    told = sorted((found[1], found[2], found[3], found[4]) for found in records if found)
    assert len(told) == len(lines)
    of_workers = [
        ("facts", f"w{i}", *what) for i in (0, 1) for what in (("INFO", "a fact"), ("WARNING", "a warning"))
    ]
    own = ("cli", "w0", "INFO", f"{PROGRAMS / 'facts.py'} runs on 2 workers")
    assert told == ([own, *of_workers] if option == "-v" else [])
