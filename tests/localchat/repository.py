"""Real git repositories, small ones, made by the git command and never by the machine's configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str, said: bytes = b"") -> bytes:
    """What git printed."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    command = ["git", *who, "-C", str(folder), *arguments]
    done = subprocess.run(command, input=said, capture_output=True, env=ENVIRONMENT, check=True)
    return done.stdout


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Writes files as they are: no line end is converted."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(folder: Path) -> str:
    """Commits everything and returns the commit."""
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change")
    return git(folder, "rev-parse", "HEAD").decode().strip()


def make(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A new repository with one commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    write(folder, files)
    commit(folder)
    return folder


def bomb(folder: Path) -> Path:
    """A bare repository of a few kilobytes: ten folders in ten folders, ten times over, all the same."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--bare")
    entry = "100644 blob " + git(folder, "hash-object", "-w", "--stdin", said=b"boom\n").decode().strip()
    for _ in range(10):
        entries = "".join(f"{entry}\t{number}{'x' * 200}\n" for number in range(10))
        tree = git(folder, "mktree", said=entries.encode()).decode().strip()
        entry = f"040000 tree {tree}"
    commit = git(folder, "commit-tree", tree, "-m", "bomb").decode().strip()
    git(folder, "update-ref", "HEAD", commit)
    return folder


def askrepo(folder: Path) -> Path:
    """A repository with the files of this project: its checkout itself changes while people work on it."""
    project = Path(__file__).parents[2]
    sources = [path for top in ("core", "bots", "alembic", "tests") for path in (project / top).rglob("*.*")]
    sources += [project / "pyproject.toml", project / "README.md"]
    wanted = {".py", ".toml", ".md", ".mako"}
    files = {str(path.relative_to(project)): path.read_bytes() for path in sources if path.suffix in wanted}
    return make(folder, files)


RETRY = '''"""Trying again, with patience."""

import time
from functools import wraps


class GaveUp(Exception):
    """Every attempt failed."""


def retry_call(function, attempts=3, pause=0.1):
    """Call a function until it succeeds, at most `attempts` times; the pause doubles each time."""
    for attempt in range(attempts):
        try:
            return function()
        except OSError:
            time.sleep(pause * 2**attempt)
    raise GaveUp(function)


def retry(attempts=3):
    """The retry decorator: wraps a function so that each call goes through retry_call."""

    def decorate(function):
        @wraps(function)
        def wrapped(*args):
            return retry_call(lambda: function(*args), attempts)

        return wrapped

    return decorate
'''

SHOP: dict[str, str | bytes] = {
    "shop/retry.py": RETRY,
    "shop/client.py": '''"""Talks to the warehouse."""

from shop.retry import retry, retry_call


class Client:
    """One connection to the warehouse."""

    def __init__(self, address):
        self.address = address

    def fetch_stock(self, article):
        """How many pieces of an article there are."""
        return retry_call(lambda: self._get(f"/stock/{article}"))

    @retry(attempts=5)
    def reserve(self, article, count):
        """Puts pieces aside for ten minutes."""
        return self._post("/reserve", article, count)
''',
    "shop/prices.py": '''"""Prices, and the tax on them."""

from decimal import Decimal

TAX = Decimal("0.19")


def gross_price(net):
    """The price with tax, rounded to cents."""
    return (net * (1 + TAX)).quantize(Decimal("0.01"))


def discounted(net, percent):
    """The price after a discount in percent."""
    return net * (100 - percent) / 100
''',
    "shop/jobs/nightly.py": '''"""What runs at night."""

from shop.retry import retry_call


def rebuild_catalogue(source):
    """Reads the whole catalogue again."""
    pages = retry_call(source.pages)
    return [article for page in pages for article in page]
''',
    "tests/test_retry.py": """import pytest

from shop.retry import GaveUp, retry_call


def failing():
    raise OSError


def test_retry_call_gives_up():
    with pytest.raises(GaveUp):
        retry_call(failing, attempts=2, pause=0)
""",
    "web/basket.ts": """import { price } from "./price";

export class Basket {
  private items: Item[] = [];

  addItem(item: Item, count: number): void {
    this.items.push({ ...item, count });
  }

  totalPrice(): number {
    return this.items.reduce((sum, item) => sum + price(item) * item.count, 0);
  }
}
""",
    "README.md": """# Shop

A small shop. Prices include tax.

## Configuration

```ini
[warehouse]
address = https://warehouse.example.org
```

Set `address` to the warehouse's address.
""",
    "package-lock.json": '{"lockfileVersion": 3}\n',
}
