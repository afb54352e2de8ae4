"""Changes an object and tells which API servers do not show the cluster as it is.

    pulse.py KUBECONFIG CA PORT SECONDS NAME=ADDRESS…

PORT becomes the port of kube-system/lab-pulse, Service and Endpoints, which nothing uses. Then each API server's own copy of
the cluster is compared with what etcd has, until they agree or the time is over; the names of those that still differ are
printed.
"""
import http.client
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True

from api import Api  # noqa: E402

KUBECONFIG, CA, PORT, SECONDS, *SERVERS = sys.argv[1:]
SERVERS = dict(server.split("=") for server in SERVERS)
DEADLINE = time.monotonic() + float(SECONDS)
KINDS = [
    "/api/v1/services", "/api/v1/endpoints", "/apis/discovery.k8s.io/v1beta1/endpointslices", "/api/v1/pods",
    "/api/v1/configmaps", "/api/v1/secrets", "/api/v1/namespaces", "/apis/apps/v1/deployments", "/apis/apps/v1/replicasets",
    "/apis/batch/v1/jobs", "/apis/networking.k8s.io/v1/ingresses", "/apis/policy/v1beta1/poddisruptionbudgets",
]
PORTS = [{"name": "pulse", "port": int(PORT), "protocol": "TCP"}]
PULSE = [
    ("services", {"kind": "Service", "spec": {"ports": PORTS}}),
    ("endpoints", {"kind": "Endpoints", "subsets": [{"addresses": [{"ip": "10.0.0.90"}], "ports": PORTS}]}),
]
api = Api(KUBECONFIG, CA, timeout=5)


def call(address, method, path, body=None):
    status, answer = api.call(method, path, body, "application/apply-patch+yaml", address)
    if status >= 300:
        raise OSError(f"{address} answers {status} to {method} {path}: {answer.get('message')}")
    return answer


def pulse():
    """Written through any API server that answers."""
    while True:
        for address in SERVERS.values():
            try:
                for plural, body in PULSE:
                    call(address, "PATCH",
                         f"/api/v1/namespaces/kube-system/{plural}/lab-pulse?fieldManager=lab&force=true",
                         {"apiVersion": "v1", "metadata": {"name": "lab-pulse"}, **body})
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
    name, address = server
    while True:
        try:
            behind = [kind for kind in KINDS if versions(address, f"{kind}?resourceVersion=0") != versions(address, kind)]
        except (OSError, http.client.HTTPException) as error:
            behind = [str(error)]
        if not behind:
            return True
        if time.monotonic() > DEADLINE:
            print(f"{name}: {', '.join(behind)}", file=sys.stderr)
            return False
        time.sleep(0.2)


pulse()
with ThreadPoolExecutor() as pool:
    for name, current in zip(SERVERS, list(pool.map(follows, SERVERS.items()))):
        if not current:
            print(name)
