# The two commands of the README, and what they are made of.

SWIFT_BUILD_FLAGS := --explicit-target-dependency-import-check error
# With Swift's libraries inside, so that the program runs where there is no Swift, and starts in half the time. Its 90,000
# relocations are packed, which glibc can read from 2.36 on: 2 MB less to read at each start.
RELEASE_FLAGS := $(SWIFT_BUILD_FLAGS) --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker -z -Xlinker pack-relative-relocs -Xlinker --strip-all
# What the build needs beyond a Swift toolchain, and Ruby for Chatwoot's Redis clients; the lab installs the servers and tools
# that tests use.
PACKAGES := libssh2-1-dev libpq-dev pkg-config shellcheck ruby

# Journal's suites that write a record from several tasks, or read one that others write. The rest of Journal's and the
# two long suites of Engine have one thread, and take minutes under Thread Sanitizer.
SHARED_RECORDS := ^JournalTests\.(DamagedLog|DiskFull|ModuleLock|ObjectHistory|RunJournal|SecretChange|StrangeFiles|Unsynced|VerifyBeside)Tests
LONG_SUITES := ^EngineTests\.(FailpointTests|SimulationTests)
# Under Thread Sanitizer, and only there.
SANITIZED := ^SSHTests ^EngineTests $(SHARED_RECORDS)
# One after the other: each starts servers of its own and watches the clock, and the machine has two cores.
UNIT_TESTS := ^ClientKitTests ^StepKitTests ^StepsTests ^PostgresTests ^RedisTests ^KubernetesTests ^RunnerTests \
	^JournalTests $(LONG_SUITES)

# What breaks something in the middle of a run on the rehearsal cluster, in one step; `make torture` does it in every step.
BROKEN := aServerThatEnds|aPathThatBreaks|aPowerCut|aRunThatWasStopped|aRunThatSlept|aDiskThatFails$\
	|aMigrationThatIsKilled|aRunWhoseMachineIsGoneInside|aRunIsResumedBy

# What fails, or hangs, does not hide what the later tests find; a line is put out when it is written, so that the last one
# tells what hung. SIGINT is the signal with which `swift test` ends the tests too.
MAKEFLAGS += --keep-going
SWIFT_TEST := timeout --verbose --foreground --signal=INT --kill-after=1m 30m stdbuf -oL swift test --skip-build
# Runs the tests of each pattern of the first argument, with the options of the second.
run-tests = failed=""; for tests in $(foreach t,$(1),'$(t)'); do date "+%T $$tests"; \
	$(SWIFT_TEST) $(2) --filter "$$tests" || failed="$$failed $$tests"; done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

.PHONY: demo test lab built-tests unit-tests sanitize short-rehearsals torture rehearse lint docs bench release packages

demo: release
	Tests/lab/demo

test: unit-tests sanitize short-rehearsals

lab: packages
	Tests/lab/lab up

built-tests: packages
	swift build --build-tests $(SWIFT_BUILD_FLAGS)

unit-tests: lab built-tests
	$(call run-tests,$(UNIT_TESTS),--skip '$(SHARED_RECORDS)')

short-rehearsals: export RUNNER_BRIEF := 1
short-rehearsals: lab built-tests
	$(call run-tests,^LabTests\.RunTests ^LabTests\.RehearsalTests/($(BROKEN)),--no-parallel)

# All of what `make test` does a part of: every failpoint each time that it is reached, more kills. Writes docs/reliability.md.
torture: lab built-tests
	RUNNER_TORTURE=1 swift test --skip-build --filter '^JournalTests\.TamperTests|^RunnerTests\.VerdictsTests'
	/usr/bin/python3 Tests/reliability/run.py

# The long ones: every failure of the record with its remedy, every kind of drift, plans, backups, resets.
rehearse: lab built-tests
	swift test --skip-build --no-parallel --filter '^LabTests\.RehearsalTests'

sanitize: export RUNNER_SANITIZED := 1
sanitize: packages
	swift build --build-tests --sanitize=thread --scratch-path .build-tsan
	$(call run-tests,$(SANITIZED),--sanitize=thread --scratch-path .build-tsan --skip '$(LONG_SUITES)')

# Ends with 1 where a target is missed, after docs/performance.md is written.
# The cluster would take a tenth of two processors from the ten hosts and the hundreds, which have no part in it.
bench: release
	Tests/bench/prepare
	swift build -c release --product Bench $(RELEASE_FLAGS)
	swift build -c release --product RecordBench $(RELEASE_FLAGS)
	Tests/lab/lab down
	unshare --net sh -c 'ip link set lo up && exec "$$@"' sh \
		/usr/bin/python3 Tests/bench/run.py --part many --part fan-out --part record --keep .build/hosts.json
	Tests/lab/lab up
	Tests/lab/lab run /usr/bin/python3 Tests/bench/run.py --kept .build/hosts.json

lint: packages
	swift format lint --strict --recursive Package.swift Sources Tests steps
	/usr/bin/python3 Tests/lint/house_rules.py
	shellcheck --external-sources .ci/run $$(grep -rlE '^#!.*\b(ba)?sh$$' Tests/lab Tests/bench Tests/lint Sources/runner/Export Tests/venv Tests/schema Tests/ocsf Tests/in-toto)

# Reference pages of the two libraries that others build on, in .build/docs/*; a link that leads nowhere is a mistake.
docs: packages
	Tests/lint/docs StepKit Journal

release: packages
	swift build -c release --product runner $(RELEASE_FLAGS)

packages:
	@missing=""; for p in $(PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; fi
