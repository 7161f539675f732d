"""The command `sonde completion`: what a shell needs to complete command lines, made from the parser itself."""

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sonde.cli.arguments import Parser, Subparsers

DONE = 0
SHELLS = ("bash", "zsh", "fish")
#: Values that are files or folders, by what the help calls them.
FILES = {
    "FILE",
    "DIR",
    "CAPTURE",
    "DATASET",
    "POLICY",
    "PLACE",
    "AUTHORISATION",
    "LOG",
    "VAULT",
    "FOLDER",
    "PATH",
    "VKEY",
}
Full = Callable[[], Parser]


class Option(NamedTuple):
    """One option of a command: its names, what stands behind it, and what it is for."""

    names: tuple[str, ...]
    #: "none", "words", "files" or "text".
    value: str
    words: tuple[str, ...]
    says: str


class Command(NamedTuple):
    """A command as typed (`policy init`), what it is for, its options, commands below it, and words it takes."""

    path: str
    says: str
    options: tuple[Option, ...]
    below: tuple[tuple[str, str], ...]
    words: tuple[str, ...]


def add_completion(commands: Subparsers, full: Full) -> None:
    """Describe `sonde completion`; `full` gives the parser of all commands."""
    completion = commands.add_parser(
        "completion",
        help="print what completes commands in your shell",
        description="Print a script that lets a shell complete commands and options of sonde.",
        epilog='Example: eval "$(sonde completion bash)"',
    )
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    completion.set_defaults(run=lambda args: run_completion(args, full))


def run_completion(args: argparse.Namespace, full: Full) -> int:
    """Carry out `sonde completion`."""
    makers = {"bash": bash, "zsh": zsh, "fish": fish}
    print("\n".join(makers[args.shell](list(commands_of(full())))))
    return DONE


def commands_of(parser: Parser, path: str = "", says: str = "") -> Iterator[Command]:
    """Give a parser's command and all below it."""
    options, below, words, inner = [], [], [], []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask
        says_it = (action.help or "").replace("%%", "%")
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
            below = [(name, helps.get(name, "")) for name in action.choices]
            inner = [(f"{path} {name}".strip(), of, helps.get(name, "")) for name, of in action.choices.items()]
        elif action.option_strings:
            options.append(Option(tuple(action.option_strings), *_value(action), says_it))
        elif action.choices:
            words = [str(choice) for choice in action.choices]
    yield Command(path, says, tuple(options), tuple(below), tuple(words))
    for name, of, told in inner:
        yield from commands_of(of, name, told)


def _value(action: argparse.Action) -> tuple[str, tuple[str, ...]]:
    if action.nargs == 0:
        return "none", ()
    if action.choices:
        return "words", tuple(map(str, action.choices))
    return "files" if action.metavar in FILES else "text", ()


def _patterns(command: Command, option: Option) -> str:
    """Give the option behind its command, as a pattern of a shell's `case`."""
    return "|".join(f"'{command.path}:{name}'" for name in option.names)


def _names(command: Command) -> str:
    return " ".join(name for option in command.options for name in option.names)


def _paths(commands: list[Command]) -> str:
    return "|".join(_quoted(each.path) for each in commands if each.path)


def _compgen(words: str) -> str:
    return f"COMPREPLY=($(compgen -W '{words}' -- \"$current\"))"


def bash(commands: list[Command]) -> Iterator[str]:
    """Write for bash: where nothing is offered, it offers files."""
    yield from (
        '# Completion of sonde for bash, made from its parser:  eval "$(sonde completion bash)"',
        "_sonde() {",
        "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= word longer",
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '        longer="${command:+$command }$word"',
        f'        case "$longer" in {_paths(commands)}) command=$longer;; esac',
        "    done",
        "    COMPREPLY=()",
        '    case "$command:$before" in',
    )
    for command in commands:
        for option in command.options:
            if option.value == "words":
                yield f"        {_patterns(command, option)}) {_compgen(' '.join(option.words))}; return;;"
            elif option.value != "none":
                yield f"        {_patterns(command, option)}) return;;"
    yield from ("    esac", '    case "$command:$current" in')
    for command in commands:
        yield f"        '{command.path}:'-*) {_compgen(_names(command))};;"
        words = " ".join([*(name for name, _ in command.below), *command.words])
        if words:
            yield f"        '{command.path}:'*) {_compgen(words)};;"
    yield from ("    esac", "}", "complete -o default -o bashdefault -F _sonde sonde")


def _quoted(text: str) -> str:
    """Quote for bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def zsh(commands: list[Command]) -> Iterator[str]:
    """Write for zsh, with what each is for."""
    yield from (
        "#compdef sonde",
        "# Completion of sonde for zsh, made from its parser:  sonde completion zsh > ~/.zfunc/_sonde",
        "_sonde() {",
        "    local command= word longer",
        "    local -a options others",
        "    for word in ${words[2,CURRENT-1]}; do",
        '        longer="${command:+$command }$word"',
        f"        case $longer in ({_paths(commands)}) command=$longer;; esac",
        "    done",
        '    case "$command:${words[CURRENT-1]}" in',
    )
    for command in commands:
        for option in command.options:
            if option.value == "words":
                yield f"        ({_patterns(command, option)}) compadd -- {' '.join(option.words)}; return;;"
            elif option.value == "files":
                yield f"        ({_patterns(command, option)}) _files; return;;"
            elif option.value == "text":
                yield f"        ({_patterns(command, option)}) _message {_quoted(option.says)}; return;;"
    yield from ("    esac", "    case $command in")
    for command in commands:
        options = [f"{name}:{option.says}" for option in command.options for name in option.names]
        others = [*(f"{name}:{says}" for name, says in command.below), *command.words]
        yield f"        ({_quoted(command.path)})"
        yield f"            options=({' '.join(map(_quoted, options))})"
        yield f"            others=({' '.join(map(_quoted, others))});;"
    yield from (
        "    esac",
        "    if [[ ${words[CURRENT]} == -* ]]; then _describe option options",
        "    elif (( $#others )); then _describe command others",
        "    else _files; fi",
        "}",
        'if [ "$funcstack[1]" = _sonde ]; then _sonde "$@"; else compdef _sonde sonde; fi',
    )


def _fished(text: str) -> str:
    """Quote for fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish(commands: list[Command]) -> Iterator[str]:
    """Write for fish, with what each is for."""
    yield from (
        "# Completion of sonde for fish, made from its parser:  sonde completion fish | source",
        "function __sonde_is",
        "    set -l command ''",
        "    for word in (commandline -opc)[2..]",
        '        set -l longer (string trim -- "$command $word")',
        f"        contains -- $longer {' '.join(_fished(each.path) for each in commands if each.path)}",
        "        and set command $longer",
        "    end",
        '    test "$command" = "$argv[1]"',
        "end",
    )
    for command in commands:
        # The condition is a command line of its own, so its quotes are quoted.
        is_here = f"complete -c sonde -n {_fished(f'__sonde_is {_fished(command.path)}')}"
        for name, says in command.below:
            yield f"{is_here} -f -a {_fished(name)} -d {_fished(says)}"
        for word in command.words:
            yield f"{is_here} -f -a {_fished(word)}"
        for option in command.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            kinds = {"none": "", "files": " -r -F", "text": " -x", "words": f" -x -a {_fished(' '.join(option.words))}"}
            yield f"{is_here} {names}{kinds[option.value]} -d {_fished(option.says)}"


__all__ = ["Command", "Option", "add_completion", "bash", "commands_of", "fish", "zsh"]
