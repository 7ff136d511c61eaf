"""Gets the pinned jars of Apache Kafka into the cache, through Maven or plain HTTPS, and checks each one's SHA-256."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deploy.local.cache import installed, sha256
from deploy.local.processes import CommandError, Context, StartCancelledError, run_to_end
from shared.errors import AdrwatchError

KAFKA = "4.1.1"
PINS = Path(__file__).with_name("kafka_jars.txt")
MAVEN_CENTRAL = "https://repo1.maven.org/maven2"
# A fixed version: Maven would else take the one of its own release, and old ones do not know today's repositories.
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
WAYS_OUT = (
    "connect to Maven Central (Maven's own settings and proxies are honoured), name a mirror in ADRWATCH_MAVEN_URL, "
    "or give the address of a running Kafka in ADRWATCH_KAFKA_BOOTSTRAP"
)
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>adrwatch</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{}</dependencies></project>
"""
# Everything a jar depends on is on the list itself, so that Maven adds nothing that is not pinned.
_DEPENDENCY = (
    "<dependency><groupId>{0.group}</groupId><artifactId>{0.artifact}</artifactId><version>{0.version}</version>"
    "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"
)


@dataclass(frozen=True)
class Jar:
    """One pinned jar."""

    group: str
    artifact: str
    version: str
    digest: str

    @property
    def file_name(self) -> str:
        """Its name in a folder of jars."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Its path in a Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


class ChecksumError(AdrwatchError):
    """A download is not the file that was pinned."""

    def __init__(self, jar: Jar, found: str) -> None:
        super().__init__(
            f"{jar.file_name} is damaged or not the pinned file (SHA-256 {found[:12]}…, expected {jar.digest[:12]}…)",
            fix=f"remove it from the local Maven repository ({jar.path}) or from the mirror, and try again",
        )


def pinned(text: str) -> list[Jar]:
    """Read lines of `group:artifact:version sha256`."""
    found = re.findall(r"^([^#:\s]+):([^:\s]+):(\S+) ([0-9a-f]{64})$", text, re.MULTILINE)
    return [Jar(*fields) for fields in found]


def kafka_jars(context: Context, maven_url: str = MAVEN_CENTRAL) -> tuple[Path, str]:
    """Return the folder of verified jars, and how they were got.

    A mirror other than Maven Central is asked directly; else Maven goes first, because it knows the user's mirrors and
    proxies. Raises ChecksumError, or AdrwatchError naming the ways out when neither way works.
    """
    jars = pinned(PINS.read_text())
    how = "cache"

    def build(folder: Path) -> None:
        nonlocal how
        how = _download(context, jars, folder, maven_url)
        for jar in jars:
            found = sha256(folder / jar.file_name)
            if found != jar.digest:
                raise ChecksumError(jar, found)

    def intact(folder: Path) -> bool:
        return all((folder / jar.file_name).is_file() and sha256(folder / jar.file_name) == jar.digest for jar in jars)

    return installed(context, f"kafka-{KAFKA}-{sha256(PINS)[:8]}", build, intact), how


def _download(context: Context, jars: list[Jar], folder: Path, maven_url: str) -> str:
    failed = ""
    if maven_url == MAVEN_CENTRAL and shutil.which("mvn"):
        context.say(f"kafka: getting {len(jars)} jars of Apache Kafka {KAFKA} through Maven")
        try:
            _through_maven(context, jars, folder)
        except CommandError as error:
            failed = f"{error.message}; "
        else:
            return "Maven"
    context.say(f"kafka: getting {len(jars)} jars of Apache Kafka {KAFKA} from {maven_url}")
    # A quarter of a second to import, needed once on a machine.
    import httpx

    try:
        _through_https(context, jars, folder, maven_url)
    except httpx.HTTPError as error:
        raise AdrwatchError(f"Kafka's jars could not be downloaded: {failed}{error}", fix=WAYS_OUT) from error
    return maven_url


def _through_maven(context: Context, jars: list[Jar], folder: Path) -> None:
    pom = folder / "pom.xml"
    pom.write_text(_POM.format("\n".join(map(_DEPENDENCY.format, jars))))
    command = ["mvn", "-q", "-B", "-ntp", "-f", str(pom), PLUGIN, f"-DoutputDirectory={folder}"]
    run_to_end(context, "install-kafka", command)
    pom.unlink()


def _through_https(context: Context, jars: list[Jar], folder: Path, base_url: str) -> None:
    import httpx

    with httpx.Client(timeout=60, follow_redirects=True, transport=httpx.HTTPTransport(retries=3)) as client:

        def fetch(jar: Jar) -> None:
            with client.stream("GET", f"{base_url.rstrip('/')}/{jar.path}") as response:
                response.raise_for_status()
                with (folder / jar.file_name).open("wb") as file:
                    for chunk in response.iter_bytes():
                        if context.cancelled.is_set():
                            raise StartCancelledError
                        file.write(chunk)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fetch, jars))
