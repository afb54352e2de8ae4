"""Packs a static busybox that only sleeps as a docker archive: the container that holds a pod's namespaces.

    pause_image.py OUT TAG
"""
import hashlib
import io
import json
import os
import sys
import tarfile

OUT, TAG = sys.argv[1:]


def entry(archive, name, data, mode=0o644):
    information = tarfile.TarInfo(name)
    information.size, information.mode = len(data), mode
    archive.addfile(information, io.BytesIO(data))


layer_bytes = io.BytesIO()
with tarfile.open(fileobj=layer_bytes, mode="w") as layer, open("/bin/busybox", "rb") as busybox:
    entry(layer, "bin/busybox", busybox.read(), 0o755)
layer_data = layer_bytes.getvalue()
config = json.dumps({
    "architecture": "amd64",
    "os": "linux",
    "config": {"Cmd": ["/bin/busybox", "sleep", "2147483647"], "Env": ["PATH=/bin"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer_data).hexdigest()]},
}).encode()
config_name = hashlib.sha256(config).hexdigest() + ".json"

with tarfile.open(OUT + ".new", "w") as archive:
    entry(archive, config_name, config)
    entry(archive, "layer.tar", layer_data)
    manifest = [{"Config": config_name, "RepoTags": [TAG], "Layers": ["layer.tar"]}]
    entry(archive, "manifest.json", json.dumps(manifest).encode())
os.rename(OUT + ".new", OUT)
