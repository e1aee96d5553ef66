"""The tables of inputs and outputs in terraform/README.md: ``python -m tests.terraform.tables`` writes them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2] / "terraform"
README = ROOT / "README.md"
BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


@dataclass(frozen=True)
class Block:
    """A variable or an output, with its attributes as they are written, on one line."""

    kind: str
    name: str
    attributes: dict[str, str]
    validated: bool

    @property
    def description(self) -> str:
        return self.attributes.get("description", "").strip('"')


def blocks(file: Path) -> Iterator[Block]:
    """Read the variables and outputs of a formatted file, in their order."""
    for kind, name, body in re.findall(r'^(variable|output) "([^"]+)" \{\n(.*?)^\}', file.read_text(), re.M | re.S):
        yield Block(kind, name, dict(_attributes(body)), "\n  validation {" in "\n" + body)


def tables(folder: Path = ROOT) -> str:
    """Return the tables of a module's inputs and outputs, as Markdown."""
    lines = ["| input | what it says | type | default |", "|---|---|---|---|"]
    for block in blocks(folder / "variables.tf"):
        default = f"`{block.attributes['default']}`" if "default" in block.attributes else "must be given"
        lines.append(f"| `{block.name}` | {block.description} | `{block.attributes['type']}` | {default} |")
    lines += ["", "| output | what it says |", "|---|---|"]
    lines += [f"| `{block.name}` | {block.description} |" for block in blocks(folder / "outputs.tf")]
    return "\n".join(lines)


def written(text: str) -> str:
    """Return a README's text with the tables as they are now."""
    before, _, rest = text.partition("<!-- tables -->\n")
    _, end, after = rest.partition("\n<!-- end of tables -->")
    return f"{before}<!-- tables -->\n{tables()}{end}{after}"


def _attributes(body: str) -> Iterator[tuple[str, str]]:
    lines = iter(body.splitlines())
    for line in lines:
        if not (found := re.match(r"  (\w+) += (.*)", line)):
            continue
        value = found[2]
        while sum(BRACKETS.get(letter, 0) for letter in re.sub(r'"[^"]*"', "", value)) > 0:
            value += ", " + " ".join(next(lines).split())
        yield found[1], re.sub(r"([(\[{]), |, ([)\]}])", r"\1\2", value)


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
