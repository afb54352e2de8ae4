# shellcheck shell=bash
# The registry that plays ghcr.io, with a password, and the stand-in images in it.

REPOSITORY=ghcr.io/keybuzzio/chatwoot-keybuzz
PUSHED_AGAIN=pushed-again # beside the registry's data: its tags are not as at first

registry_start() {
  mkdir -p "$REGISTRY/data"
  htpasswd -niB keybuzz <"$SECRETS/registry" | write_file "$REGISTRY/htpasswd"
  write_file "$REGISTRY/config.yml" <<-CONF
	version: 0.1
	log: {level: warn, accesslog: {disabled: false}}
	storage: {filesystem: {rootdirectory: $REGISTRY/data}}
	http: {addr: "${ADDRESS[registry]}:443", tls: {certificate: $REGISTRY/server.pem, key: $REGISTRY/server.key}}
	auth: {htpasswd: {realm: ghcr.io, path: $REGISTRY/htpasswd}}
	CONF
  service_start registry registry -- docker-registry serve "$REGISTRY/config.yml"
}

registry_answers() {
  # Without credentials a healthy registry answers 401.
  on_operator curl --silent --max-time 3 --cacert "$REGISTRY/ca.pem" -o /dev/null -w '%{http_code}' https://ghcr.io/v2/ |
    grep -qx 401
}

registry_wait() { until_true 15 "the registry answers (see 'lab log registry')" registry_answers; }

# images_ensure: builds the stand-in images when their sources changed, and pushes what the registry has not.
images_ensure() {
  local sources=$LAB/chatwoot digest archive tag
  [[ -x $sources/build ]] || { say "no stand-in image in this checkout: registry left empty" && return 0; }
  digest=$(tree_digest -C "$sources" .)
  if [[ ! -d $STATE/images/$digest ]]; then
    say "building the stand-in images"
    rm -rf "$STATE/images"
    mkdir -p "$STATE/images/new"
    timeout 300 "$sources/build" "$STATE/images/new" >"$LOGS/images.log" 2>&1 ||
      die "the stand-in images could not be built (see $LOGS/images.log)"
    mv "$STATE/images/new" "$STATE/images/$digest"
  fi
  for archive in "$STATE/images/$digest"/chatwoot-keybuzz_*.tar; do
    tag=${archive##*_}
    tag=${tag%.tar}
    [[ -f $REGISTRY/pushed-$tag && $(<"$REGISTRY/pushed-$tag") == "$digest" ]] && continue
    say "pushing $REPOSITORY:$tag"
    image_push "$archive" "$REPOSITORY:$tag"
    printf '%s\n' "$digest" >"$REGISTRY/pushed-$tag"
  done
  rm -f "$REGISTRY/$PUSHED_AGAIN"
}

# registry_push RELEASE REFERENCE: pushes the stand-in of that release under another name, or under a tag that has another.
registry_push() {
  local archives=("$STATE"/images/*/"chatwoot-keybuzz_$1.tar") reference=$2
  [[ -f ${archives[0]} ]] || die "no stand-in image of the release $1"
  [[ $reference == ghcr.io/*:* ]] || die "not a tag of the registry: $reference"
  touch "$REGISTRY/$PUSHED_AGAIN"
  [[ $reference != "$REPOSITORY:"* ]] || rm -f "$REGISTRY/pushed-${reference##*:}"
  image_push "${archives[0]}" "$reference"
  say "pushed $1 as $reference"
}

# registry_reset: every tag of the stand-in's repository has its own release again.
registry_reset() { [[ ! -e $REGISTRY/$PUSHED_AGAIN ]] || images_ensure; }

image_push() {
  local archive=$1 reference=$2
  python3 - "$SECRETS/registry" <<-'PYTHON' | install -m 600 /dev/stdin "$SECRETS/registry-auth.json"
	import base64, json, sys
	pair = "keybuzz:" + open(sys.argv[1]).read()
	print(json.dumps({"auths": {"ghcr.io": {"auth": base64.b64encode(pair.encode()).decode()}}}))
	PYTHON
  mkdir -p "$REGISTRY/trusted"
  cp "$REGISTRY/ca.pem" "$REGISTRY/trusted/ca.crt"
  on_operator timeout 120 skopeo copy --quiet --insecure-policy --dest-authfile "$SECRETS/registry-auth.json" \
    --dest-cert-dir "$REGISTRY/trusted" "docker-archive:$archive" "docker://$reference" \
    >>"$LOGS/images.log" 2>&1 || die "$reference could not be pushed (see $LOGS/images.log)"
}
