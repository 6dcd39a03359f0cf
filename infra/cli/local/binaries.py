"""The functions' binaries, kept under `functions/<name>/<sha256>`: a build that goes on while the
cloud runs must not change what is deployed."""
import hashlib
import json
import shutil


class Kept:
    """The folder of kept binaries, with a note of which build each came from."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.note = folder / "builds.json"
        try:
            self.known = json.loads(self.note.read_text())
        except (OSError, ValueError):
            self.known = {}
        self.taken = {}

    def take(self, name, built):
        """The digest and the kept copy of a built binary; hashed and copied only if it is a new build."""
        facts = built.stat()
        build = [str(built), facts.st_size, facts.st_mtime_ns]
        known = self.known.get(name) or {}
        digest = known.get("sha256") if known.get("build") == build else sha256(built)
        kept = self.folder / name / digest
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            part = kept.with_suffix(".part")
            shutil.copy2(built, part)
            part.rename(kept)
        self.taken[name] = {"build": build, "sha256": digest}
        return digest, kept

    def save(self):
        """Forgets every binary that was not taken. A process that still runs one keeps its own hold on it."""
        for folder in self.folder.iterdir():
            for kept in folder.iterdir() if folder.is_dir() else ():
                if kept.name != self.taken.get(folder.name, {}).get("sha256"):
                    kept.unlink()
        self.note.write_text(json.dumps(self.taken))


def sha256(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
