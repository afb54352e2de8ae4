"""Changes an object and tells which API servers do not show the cluster as it is.

    pulse.py KUBECONFIG CA PORT SECONDS NAME=ADDRESS…

PORT becomes the port of kube-system/lab-pulse, Service and Endpoints, which nothing uses. Then each API server's own copy of
the cluster is compared with what etcd has, until they agree or the time is over; the names of those that still differ are
printed.
"""
import http.client
import json
import re
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

KUBECONFIG, CA, PORT, SECONDS, *SERVERS = sys.argv[1:]
DEADLINE = time.monotonic() + float(SECONDS)
TOKEN = re.search(r"token: (\w+)", open(KUBECONFIG).read()).group(1)
TLS = ssl.create_default_context(cafile=CA)
KINDS = [
    "/api/v1/services", "/api/v1/endpoints", "/apis/discovery.k8s.io/v1beta1/endpointslices", "/api/v1/pods",
    "/api/v1/configmaps", "/api/v1/secrets", "/api/v1/namespaces", "/apis/apps/v1/deployments", "/apis/apps/v1/replicasets",
    "/apis/batch/v1/jobs", "/apis/networking.k8s.io/v1/ingresses", "/apis/policy/v1beta1/poddisruptionbudgets",
]


local = threading.local()


def call(address, method, path, body=None):
    """One request; the decoded answer. Each thread keeps its connection."""
    kept = getattr(local, "connection", None)
    if kept is None or kept.host != address:
        kept = local.connection = http.client.HTTPSConnection(address, 6443, context=TLS, timeout=5)
    try:
        kept.request(method, path, None if body is None else json.dumps(body),
                     {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/apply-patch+yaml"})
        response = kept.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException):
        local.connection = None
        raise
    if response.status >= 300:
        raise OSError(f"{address} answers {response.status} to {method} {path}: {answer.decode()[:300]}")
    return json.loads(answer)


def pulse():
    """Written through any API server that answers."""
    port = {"name": "pulse", "port": int(PORT), "protocol": "TCP"}
    bodies = {"services": {"spec": {"ports": [port]}},
              "endpoints": {"subsets": [{"addresses": [{"ip": "10.0.0.90"}], "ports": [port]}]}}
    while True:
        for server in SERVERS:
            try:
                for plural, body in bodies.items():
                    kind = {"services": "Service", "endpoints": "Endpoints"}[plural]
                    call(server.split("=")[1], "PATCH",
                         f"/api/v1/namespaces/kube-system/{plural}/lab-pulse?fieldManager=lab&force=true",
                         {"apiVersion": "v1", "kind": kind, "metadata": {"name": "lab-pulse"}, **body})
                return
            except (OSError, http.client.HTTPException) as error:
                last = error
        if time.monotonic() > DEADLINE:
            sys.exit(f"lab: no API server takes a change: {last}")
        time.sleep(0.2)


def versions(address, path):
    return {(item["metadata"].get("namespace"), item["metadata"]["name"]): item["metadata"]["resourceVersion"]
            for item in call(address, "GET", path).get("items") or []}


def follows(server):
    """Whether the copy that a version of 0 is answered from is what the same server reads from etcd."""
    address = server.split("=")[1]
    while True:
        try:
            behind = [kind for kind in KINDS if versions(address, f"{kind}?resourceVersion=0") != versions(address, kind)]
        except (OSError, http.client.HTTPException) as error:
            behind = [str(error)]
        if not behind:
            return True
        if time.monotonic() > DEADLINE:
            print(f"{server}: {', '.join(behind)}", file=sys.stderr)
            return False
        time.sleep(0.2)


pulse()
with ThreadPoolExecutor() as pool:
    for server, current in zip(SERVERS, list(pool.map(follows, SERVERS))):
        if not current:
            print(server.split("=")[0])
