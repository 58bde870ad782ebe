# make            this menu
# make build      install what is missing, build mt, optimised
# make demo       build, then translate a French sample with the model in Models/fr-en
# make test       the fast tests
# make test-all   the fast tests, those that train models, and the web page in a browser
# make reports    build, then measure the shipped models anew on the corpora in DATA (an hour; minutes with REPORTS=--quick)
# make bench      build, then measure translation, start, text processing and training
# make install    put mt, its models and the test set under PREFIX (/usr/local)
# make uninstall  take them away again
# make clean      remove what was built

PREFIX ?= /usr/local
DESTDIR ?=
# One set of flags for programs and tests, so that they share a build.
SWIFT_FLAGS ?= -c release -Xswiftc -enable-testing
MODEL = Models/fr-en
MODELS = $(dir $(wildcard Models/*/config.json))
SHARE = $(DESTDIR)$(PREFIX)/share/mt

.PHONY: menu bootstrap build demo bench reports tests test test-all install uninstall clean

menu:
	@sed -n 's/^# make/make/p' Makefile

bootstrap:
	@Scripts/bootstrap

build: bootstrap
	swift build $(SWIFT_FLAGS) --product mt

demo: build
	@Scripts/demo "$$(swift build $(SWIFT_FLAGS) --show-bin-path)/mt" $(MODEL)

bench: build
	@Scripts/bench "$$(swift build $(SWIFT_FLAGS) --show-bin-path)/mt" $(MODEL)

reports: build
	@test -n "$(DATA)" || { echo "make reports DATA=DIR, where DIR holds the test sets" >&2; exit 64; }
	MT="$$(swift build $(SWIFT_FLAGS) --show-bin-path)/mt" Scripts/report-models $(DATA) $(REPORTS)

# Built by `swift build`: what `swift test` builds by itself it builds otherwise, and `make build` would begin anew.
tests: bootstrap
	swift build $(SWIFT_FLAGS) --build-tests

test: tests
	swift test --skip-build $(SWIFT_FLAGS)

test-all: tests
	MT_LEARNING_TESTS=1 swift test --skip-build $(SWIFT_FLAGS)
	Scripts/browser-test "$$(swift build $(SWIFT_FLAGS) --show-bin-path)/mt" $(MODELS)

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/eval
	install -m 755 "$$(swift build $(SWIFT_FLAGS) --show-bin-path)/mt" $(DESTDIR)$(PREFIX)/bin/mt
	for model in $(MODELS); do \
	  install -d $(SHARE)/models/$$(basename $$model) && install -m 644 $$model/* $(SHARE)/models/$$(basename $$model)/ || exit 1; \
	done
	install -m 644 Eval/test.fr Eval/test.en $(SHARE)/eval/

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/mt
	rm -rf $(SHARE)

clean:
	rm -rf .build
