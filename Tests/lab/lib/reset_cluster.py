"""Empties the cluster: every namespace of users, and what users put into `default`.

    reset_cluster.py KUBECONFIG CA

kubectl delete namespace takes the namespace controller's pauses of 5 s and more. This asks for the same deletions
itself, at once and without grace, and finalizes a namespace as soon as nothing is left in it.
"""
import http.client
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True

from api import Api  # noqa: E402

KUBECONFIG, CA = sys.argv[1:]
SYSTEM_NAMESPACES = {"default", "kube-system", "kube-public", "kube-node-lease"}
# What the cluster itself keeps in `default`.
BUILT_IN = re.compile(r"^(services|endpoints|endpointslices)/kubernetes$|^serviceaccounts/default$"
                      r"|^secrets/default-token-|^configmaps/kube-root-ca.crt$")
NOW = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
DEADLINE = time.monotonic() + 45

call = Api(KUBECONFIG, CA, timeout=15).call


def wait_for_api():
    """Masters whose cables were just plugged in again take the balancer's next checks to be found."""
    while True:
        try:
            if call("GET", "/version")[0] == 200:
                return
        except (OSError, http.client.HTTPException, ValueError):
            pass
        if time.monotonic() > DEADLINE:
            sys.exit("lab: no API server answers")
        time.sleep(0.2)


def get(path):
    status, answer = call("GET", path)
    if status >= 300:
        sys.exit(f"lab: the API server answers {status} to GET {path}: {answer.get('message')}")
    return answer


def namespaced_types(pool):
    """(path prefix, plural, can be deleted as a collection) of everything that lies in namespaces."""
    groups = ["/api/v1"] + ["/apis/" + group["preferredVersion"]["groupVersion"] for group in get("/apis")["groups"]]
    types = []
    for prefix, answer in zip(groups, pool.map(get, groups)):
        for resource in answer["resources"]:
            if resource["namespaced"] and {"list", "delete"} <= set(resource["verbs"]):
                types.append((prefix, resource["name"], "deletecollection" in resource["verbs"]))
    # One set of objects under two names.
    return [t for t in types if t[:2] not in {("/apis/extensions/v1beta1", "ingresses"), ("/api/v1", "events")}]


def found(kind, namespaces):
    """(namespace, name, finalizers) of the objects of one type that are to go."""
    prefix, plural, _ = kind
    objects = []
    for item in get(f"{prefix}/{plural}").get("items") or []:
        namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
        if namespace in namespaces and not (namespace == "default" and BUILT_IN.match(f"{plural}/{name}")):
            objects.append((namespace, name, item["metadata"].get("finalizers")))
    return objects


def sweep(kind, namespaces):
    """Asks for the deletion of all objects of one type; says whether there were any."""
    prefix, plural, collection = kind
    objects = found(kind, namespaces)
    for namespace, name, finalizers in objects:
        path = f"{prefix}/namespaces/{namespace}/{plural}"
        if finalizers:
            merge = {"metadata": {"finalizers": None}}
            call("PATCH", f"{path}/{name}", merge, "application/merge-patch+json")
        if namespace == "default" or not collection:
            call("DELETE", f"{path}/{name}", NOW)
    if collection:
        for namespace in {namespace for namespace, _, _ in objects} - {"default"}:
            call("DELETE", f"{prefix}/namespaces/{namespace}/{plural}", NOW)
    return bool(objects)


def main():
    wait_for_api()
    with ThreadPoolExecutor(6) as pool:
        types = namespaced_types(pool)
        names = [item["metadata"]["name"] for item in get("/api/v1/namespaces")["items"]]
        gone = [name for name in names if name not in SYSTEM_NAMESPACES]
        for name in gone:  # from now on nothing new can be made in them
            call("DELETE", f"/api/v1/namespaces/{name}", NOW)
        # Again and again what was found, since deletion takes a moment and controllers may still be at work.
        while types:
            if time.monotonic() > DEADLINE:
                sys.exit(f"lab: these do not go away: {', '.join(plural for _, plural, _ in types)}")
            there = list(pool.map(lambda kind: sweep(kind, {*gone, "default"}), types))
            types = [kind for kind, any_left in zip(types, there) if any_left]
        for name in gone:
            path = f"/api/v1/namespaces/{name}"
            while True:
                status, namespace = call("GET", path)
                if status == 404:
                    break
                namespace["spec"]["finalizers"] = []
                call("PUT", path + "/finalize", namespace)


main()
