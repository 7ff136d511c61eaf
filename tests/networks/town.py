"""All networks of this machine at once, each behind the same few words, for a demonstration and for tests of all sources."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from shared.text.identity import post_hash
from tests.networks import discourse, feeds, jetstream, mastodon, reddit, x
from tests.networks.vendor import SIGNING, Shipping, Vendor

SECRET = "a secret of authors for tests"
# For networks that are asked for names: half of the demo's posts have one of them.
DRUGS = ["sertraline", "metformin", "lisinopril", "semaglutide", "atorvastatin", "prednisone", "escitalopram", "quetiapine",
         "gabapentin", "duloxetine", "tramadol", "doxycycline"]  # fmt: skip
# Nobody is called so by chance: whoever looks for them in what adrwatch keeps must find none.
AUTHORS = ("plantedanna", "plantedbert", "plantedcarla", "planteddora", "plantedemil")
X_AUTHORS = tuple(f"77000090210{number}" for number in range(5))
CONTACT = "thanks @planted_jane, planted.jane@example.org, @planted.jane@far.example, +1 415 555 0132"
PLANTED = (b"planted", b"77000090210", b"555 0132", b"5550132")


@dataclass(frozen=True)
class Said:
    """What was said at a network. `address` names the post there: adrwatch's id is made of it. `heard`: it tells its listeners."""

    address: str
    text: str
    heard: bool = True


class Place(Protocol):
    """A network of the town. `name` is its source's, `keys` its table in the sources file.

    `keeps_deletions`: whether a source that was away is told later what was deleted meanwhile.
    """

    name: str
    keys: dict[str, Any]
    keeps_deletions: bool

    def visits(self) -> int:
        """How often somebody came to listen and was served."""

    def say(self, number: int, text: str) -> Said:
        """Somebody posts; `number` is the post's, and never comes twice."""

    def take_back(self, said: Said) -> bool:
        """The author deletes it; False where the network has no deletions."""

    def misbehave(self, seed: int) -> None:
        """From now on it says some things twice, where it says them by itself; how it breaks off depends on the seed."""

    def breaks(self) -> int:
        """How often it broke off."""

    def break_off(self) -> None:
        """Everybody who listens is thrown out, once; where they only ask, the next answer is broken."""


class BlueskyPlace:
    """Bluesky."""

    name = "bluesky"
    keeps_deletions = True

    def __init__(self, server: jetstream.Jetstream) -> None:
        self._server = server
        self.keys = {"type": "bluesky", "endpoints": [server.url]}

    def visits(self) -> int:
        """See Place."""
        return self._server.connections

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        did, rkey, at = f"did:plc:{AUTHORS[number % len(AUTHORS)]}2345", f"3k{number}", _now_us()
        self._server.add(jetstream.post(did, rkey, text, at))
        return Said(f"{did}/{jetstream.POST}/{rkey}", text)

    def take_back(self, said: Said) -> bool:
        """See Place."""
        did, _, rkey = said.address.split("/")
        self._server.add(jetstream.delete(did, rkey, _now_us()))
        return True

    def misbehave(self, seed: int) -> None:
        """See Place."""
        self._server.twice = 3
        self._server.chance.seed(seed)

    def breaks(self) -> int:
        """See Place."""
        return self._server.breaks

    def break_off(self) -> None:
        """See Place."""
        self._server.break_off()


class XPlace:
    """X. Its rules find whole words only."""

    name = "x"
    keeps_deletions = True

    def __init__(self, server: x.FakeX, folder: Path) -> None:
        self._server = server
        self.keys = {
            "type": "x", "base_url": server.url, "bearer_token": secret(folder, "x", x.TOKEN), "max_posts_per_month": 1_000_000,
            "drugs": DRUGS, "search_delay_seconds": 1, "compliance_hours": 10 / 3600,
        }  # fmt: skip

    def visits(self) -> int:
        """See Place."""
        return self._server.connections

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        made = x.tweet(time.time(), text, number % 1_000_000, author=X_AUTHORS[number % len(X_AUTHORS)])
        self._server.add(made)
        return Said(made["id"], text, heard=bool(self._server.matching(made)))

    def take_back(self, said: Said) -> bool:
        """See Place."""
        self._server.remove(said.address)
        return True

    def misbehave(self, seed: int) -> None:
        """See Place."""
        self._server.twice = 3
        self._server.chance.seed(seed)

    def breaks(self) -> int:
        """See Place."""
        return self._server.breaks

    def break_off(self) -> None:
        """See Place."""
        self._server.break_off()


class MastodonPlace:
    """An instance of Mastodon."""

    name = "mastodon"
    keeps_deletions = False

    def __init__(self, server: mastodon.Instance, folder: Path) -> None:
        self._server = server
        token = secret(folder, "mastodon", mastodon.TOKEN)
        self.keys = {"type": "mastodon", "instances": [{"url": server.url, "token": token}], "sweep_seconds": 5}
        self._ids: dict[str, str] = {}

    def visits(self) -> int:
        """See Place."""
        return self._server.connections

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        author = AUTHORS[number % len(AUTHORS)]
        made = mastodon.status(author, f"<p>{escape(text)}</p>", time.time(), number % 60_000)
        made["uri"] = f"https://far.example/users/{author}/statuses/{number}"
        self._ids[made["uri"]] = made["id"]
        self._server.add(made)
        return Said(made["uri"], text)

    def take_back(self, said: Said) -> bool:
        """See Place."""
        self._server.delete(self._ids.pop(said.address))
        return True

    def misbehave(self, seed: int) -> None:
        """See Place."""
        self._server.twice = 3
        self._server.chance.seed(seed)

    def breaks(self) -> int:
        """See Place."""
        return self._server.breaks

    def break_off(self) -> None:
        """See Place."""
        self._server.break_off()


class FeedPlace:
    """A blog's feed. What is gone from it says nothing of a deletion."""

    name = "blog"
    keeps_deletions = False

    def __init__(self, server: feeds.FeedSite) -> None:
        self._server = server
        server.add("talk")
        self.keys = {
            "type": "feeds", "feeds": [server.feed("talk")], "interval_minutes": 1 / 60, "slowest_minutes": 1 / 60,
            "private_addresses": True,
        }  # fmt: skip

    def visits(self) -> int:
        """See Place."""
        return self._server.whole["/talk.rss"]

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        guid = f"https://blog.example/{number}"
        entry = feeds.Entry(guid, f"<p>{escape(text)}</p>", datetime.now(UTC), author=AUTHORS[number % len(AUTHORS)])
        self._server.add("talk", entry)
        return Said(guid, text)

    def take_back(self, said: Said) -> bool:
        """See Place."""
        return False

    def misbehave(self, seed: int) -> None:
        """See Place."""
        self._server.chance.seed(seed)

    def breaks(self) -> int:
        """See Place."""
        return self._server.breaks

    def break_off(self) -> None:
        """See Place."""
        self._server.break_off()


class ForumPlace:
    """A forum that runs Discourse."""

    name = "forum"
    keeps_deletions = True

    def __init__(self, server: discourse.ForumSite) -> None:
        self._server = server
        # Its numbers go on where those of an earlier run were.
        server.last = int(time.time() * 100)
        server.add("<p>Be kind to one another.</p>", created_at="2020-01-01T00:00:00.000Z")
        self.keys = {
            "type": "discourse", "forum": server.url, "interval_seconds": 1, "pause_seconds": 0.01,
            "look_again_minutes": 1 / 6, "private_addresses": True,
        }  # fmt: skip

    def visits(self) -> int:
        """See Place."""
        return self._server.whole["/posts.json"]

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        made = self._server.add(f"<p>{escape(text)}</p>", AUTHORS[number % len(AUTHORS)])
        return Said(f"{urlsplit(self._server.url).netloc}/{made}", text)

    def take_back(self, said: Said) -> bool:
        """See Place."""
        self._server.delete(int(said.address.rpartition("/")[2]))
        return True

    def misbehave(self, seed: int) -> None:
        """See Place."""
        self._server.chance.seed(seed)

    def breaks(self) -> int:
        """See Place."""
        return self._server.breaks

    def break_off(self) -> None:
        """See Place."""
        self._server.break_off()


class VendorPlace:
    """A vendor, who pushes what its own people say."""

    name = "vendor"
    keeps_deletions = True

    def __init__(self, vendor: Vendor, shipping: Shipping, folder: Path) -> None:
        self._vendor = vendor
        self._shipping = shipping
        self.keys = {"type": "push", "secrets": [secret(folder, "vendor", vendor.secret)]}

    def visits(self) -> int:
        """See Place: the endpoint takes posts."""
        return int(self._vendor.ready())

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        author = AUTHORS[number % len(AUTHORS)]
        address = f"{author}/{number}"
        self._shipping.add("posts", {"id": address, "text": text, "created_at": time.time(), "author": author})
        return Said(address, text)

    def take_back(self, said: Said) -> bool:
        """See Place."""
        self._shipping.add("deletions", {"id": said.address})
        return True

    def misbehave(self, seed: int) -> None:
        """See Place: it says nothing twice by itself."""

    def breaks(self) -> int:
        """See Place."""
        return self._shipping.breaks

    def break_off(self) -> None:
        """See Place: an answer is lost."""
        self._shipping.break_off()


class RedditPlace:
    """A subreddit: posts and comments in turn."""

    name = "reddit"
    keeps_deletions = True

    def __init__(self, server: reddit.RedditSite, folder: Path) -> None:
        self._server = server
        self.keys = {
            "type": "reddit", "oauth_url": server.url, "reddit_url": server.url, "user_agent": reddit.AGENT,
            "client_id": secret(folder, "reddit-id", reddit.CLIENT_ID),
            "client_secret": secret(folder, "reddit", reddit.CLIENT_SECRET), "subreddits": ["town"], "interval_seconds": 1,
            "rewind_seconds": 10, "look_again_hours": 10 / 3600,
        }  # fmt: skip

    def visits(self) -> int:
        """See Place."""
        return min(self._server.whole["/r/town/new"], self._server.whole["/r/town/comments"])

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        author = AUTHORS[number % len(AUTHORS)]
        if number % 2:
            return Said(self._server.comment("town", text, author), text)
        return Said(self._server.post("town", text, author=author), text)

    def take_back(self, said: Said) -> bool:
        """See Place."""
        self._server.delete(said.address)
        return True

    def misbehave(self, seed: int) -> None:
        """See Place."""
        self._server.chance.seed(seed)

    def breaks(self) -> int:
        """See Place."""
        return self._server.breaks

    def break_off(self) -> None:
        """See Place."""
        self._server.break_off()


def secret(folder: Path, name: str, value: str) -> dict[str, str]:
    """A credential in a file of its own."""
    path = folder / f"{name}.secret"
    path.touch(mode=0o600)
    path.write_text(value)
    return {"file": str(path)}


def identity(source: str, said: Said) -> str:
    """The id that a post has at adrwatch under the secret of the tests."""
    return f"{source}:{post_hash(SECRET, source, said.address)}"


@contextmanager
def town(folder: Path, push_url: str, feed_holds: int = 300) -> Iterator[list[Place]]:
    """Servers for every network, on free ports of the loopback. `folder` takes what their sources need as files.

    `push_url` is where the one who pushes goes; `feed_holds`: how many entries the feed has at a time.
    """
    with ExitStack() as stack:
        vendor = Vendor(push_url, VendorPlace.name, SIGNING)
        stack.callback(vendor.close)
        yield [
            BlueskyPlace(stack.enter_context(jetstream.jetstream())),
            XPlace(stack.enter_context(x.fake_x()), folder),
            MastodonPlace(stack.enter_context(mastodon.instance()), folder),
            FeedPlace(stack.enter_context(feeds.feed_site(feed_holds))),
            ForumPlace(stack.enter_context(discourse.forum_site())),
            RedditPlace(stack.enter_context(reddit.reddit_site("town")), folder),
            VendorPlace(vendor, stack.enter_context(Shipping(vendor)), folder),
        ]


def _now_us() -> int:
    return time.time_ns() // 1000
