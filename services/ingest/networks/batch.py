"""What was read of a network and is not yet with the broker: posts, refused records, and posts to take back."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace

from services.ingest.networks.known import Known
from services.ingest.networks.network import Alias, AuthorGone, Item, Passed, PostGone
from services.ingest.publish import letter_of
from services.ingest.recipe import RECIPE_HEADER
from services.ingest.source import RawPost, Reject
from shared import traces
from shared.events import AskedBy, Deletion, Post, Published, encode, now
from shared.stream import Output
from shared.topics import DEAD_LETTERS, POSTS, PUBLISHED, partition_of


def for_good(deletions: Iterable[Deletion]) -> list[str]:
    """The ids of those of which no later version may come."""
    return [one.id for one in deletions if not one.edited]


@dataclass
class Batch:
    """Takes items in their order.

    `accept` makes a post or a reject of a raw post, `monitored` tells whether a text is to be published, `hashed` gives the keyed
    hashes of an author. `taken_back` holds the ids of posts that do not come back. `withholds`: nothing is kept of what refused
    records say.
    """

    known: Known
    accept: Callable[[RawPost], Post | Reject]
    monitored: Callable[[str], bool]
    hashed: Callable[[str], tuple[str, ...]]
    taken_back: Container[str] = frozenset()
    withholds: bool = False
    posts: dict[str, Post] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    gone: dict[str, Deletion] = field(default_factory=dict)
    _seals: dict[str, str | None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.posts) + len(self.rejects) + len(self.gone) + len(self.aliases)

    def knows(self, name: str) -> bool:
        """Whether a post is here or with the broker under this id or this other name."""
        return name in self.posts or name in self.aliases or self.known.knows(name)

    @property
    def gone_for_good(self) -> list[str]:
        """The ids of the posts that were taken back and of which no later version may come."""
        return for_good(self.gone.values())

    def take(self, item: Item) -> str:
        """Take one item in; gives the word for it that metrics count by."""
        match item:
            case RawPost():
                self._seals[item.post_id] = item.sealed
                return self._post(self.accept(item))
            case Reject():
                self.rejects.append(replace(item, withheld=self.withholds))
                return "reject"
            case Alias(post_id, alias):
                here = post_id in self.posts or post_id in self.known
                if here and post_id not in self.gone and self.known.named(alias) != post_id:
                    self.aliases[alias] = post_id
                return "again"
            case PostGone(post_id, asked_by, edited):
                post_id = self.aliases.get(post_id) or self.known.named(post_id)
                return "deletion" if self._take_back(post_id, asked_by, edited) else "unknown deletion"
            case AuthorGone(author):
                return self._author_gone(self.hashed(author))
            case Passed(reason):
                return reason

    def _post(self, post: Post | Reject) -> str:
        if isinstance(post, Reject):
            self.rejects.append(post)
            return "reject"
        if post.id in self.taken_back:
            return "gone"
        if not self.monitored(post.text):
            # An update that names no medicine any more: what was published before it goes.
            self._take_back(post.id, edited=True)
            return "no_drug"
        if (gone := self.gone.get(post.id)) is not None and gone.edited:
            # Deletions are written after posts: this one would take back the version that came after it.
            del self.gone[post.id]
        self.posts[post.id] = post
        return "post"

    def _author_gone(self, authors: tuple[str, ...]) -> str:
        theirs = {post.id: None for post in self.posts.values() if post.author in authors}
        theirs |= dict.fromkeys(post_id for author in authors for post_id in self.known.of_author(author))
        for post_id in theirs:
            self._take_back(post_id)
        return "account gone"

    def _take_back(self, post_id: str, asked_by: AskedBy = "network", edited: bool = False) -> bool:
        # One that waits here may be with the broker all the same, from a time that ended before it was noted.
        earlier = self.gone.get(post_id)
        ours = self.posts.pop(post_id, None) is not None or post_id in self.known or earlier is not None
        if not ours:
            return False
        # Nothing that is taken back later would find the notes of its other names.
        self.aliases = {alias: named for alias, named in self.aliases.items() if named != post_id}
        if earlier is None or (earlier.edited and not edited):
            at = now()
            self.gone[post_id] = Deletion(id=post_id, deleted_at=at, requested_at=at, asked_by=asked_by, edited=edited)
        return True

    def clear(self) -> None:
        """Everything is with the broker."""
        self.aliases.clear()
        self.posts.clear()
        self.rejects.clear()
        self.gone.clear()
        self._seals.clear()

    @property
    def published(self) -> list[Published]:
        """The notes that the posts are published."""
        return [Published(id=one.id, author=one.author, sealed=self._seals.get(one.id)) for one in self.posts.values()]

    def outputs(self) -> list[Output]:
        """The messages of posts, each with the note that it is published, of their aliases, and of rejects."""
        written: list[Output] = []
        for post, note in zip(self.posts.values(), self.published, strict=True):
            written.append(Output(PUBLISHED, note.id, encode(note)))
            headers = () if post.aggregates_only else traces.created(POSTS)
            written.append(Output(POSTS, post.id, encode(post), partition_of(post.id, POSTS.partitions), headers))
        for reject in self.rejects:
            letter = letter_of(reject)
            place = partition_of(letter.id, DEAD_LETTERS.partitions)
            headers = ((RECIPE_HEADER, reject.origin.recipe),)
            written.append(Output(DEAD_LETTERS, letter.id, encode(letter), place, headers))
        for alias, post_id in self.aliases.items():
            written.append(Output(PUBLISHED, alias, encode(Published(id=post_id))))
        return written
