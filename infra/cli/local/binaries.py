"""Copies of the functions' binaries under `functions/<name>/<sha256>`. Deployed functions run the copies,
so that a build while the cloud is running does not change them."""
import hashlib
import json
import shutil


class BinaryStore:
    """The folder of the copies. `builds.json` records the build that each copy came from."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.index = folder / "builds.json"
        try:
            self.recorded = json.loads(self.index.read_text())
        except (OSError, ValueError):
            self.recorded = {}
        self.current = {}

    def store(self, name, built):
        """Returns the SHA-256 and the path of the copy. Hashes and copies the binary only if the build is new."""
        stat = built.stat()
        build = [str(built), stat.st_size, stat.st_mtime_ns]
        recorded = self.recorded.get(name) or {}
        digest = recorded.get("sha256") if recorded.get("build") == build else sha256(built)
        copy = self.folder / name / digest
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            part = copy.with_suffix(".part")
            shutil.copy2(built, part)
            part.rename(copy)
        self.current[name] = {"build": build, "sha256": digest}
        return digest, copy

    def save(self):
        """Deletes the copies that were not stored this time. A process that still runs one is not affected."""
        for folder in self.folder.iterdir():
            for copy in folder.iterdir() if folder.is_dir() else ():
                if copy.name != self.current.get(folder.name, {}).get("sha256"):
                    copy.unlink()
        self.index.write_text(json.dumps(self.current))


def sha256(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
