# tollgate: build, test, measure. `make help` lists the targets.
#   V=1            show the commands          CC=clang   another compiler
#   SAN=address,undefined | thread            sanitizer build in its own folder
#   WERROR=0       warnings do not stop the build
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

PREFIX ?= /usr/local
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CC_NAME := $(notdir $(firstword $(CC)))
empty :=
comma := ,
SUFFIX := $(if $(filter-out gcc,$(CC_NAME)),-$(CC_NAME))$(if $(SAN),-$(subst $(comma),-,$(SAN)))
B := build$(SUFFIX:-%=/%)
Q := $(if $(V),,@)

OPT ?= $(if $(SAN),-O1,-O2)
WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
  -Wmissing-prototypes -Wvla -Wformat=2 -Wswitch-enum -Wundef -Wpointer-arith -Wwrite-strings \
  -Wcast-qual $(if $(filter 0,$(WERROR)),,-Werror)
CPPFLAGS := -I. -I/usr/share/include/llhttp -D_GNU_SOURCE
CFLAGS := -std=c17 -g $(OPT) $(WARN) -fno-omit-frame-pointer -fstack-protector-strong -fPIE -pthread \
  $(if $(SAN),-fsanitize=$(SAN),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN))
LIBS := -lssl -lcrypto -lsqlite3 -lnghttp2 -lyaml -ljansson -lcurl -lz -lm

# Rooms from the top of the house to the ground: a room may use only rooms to its right (make layers).
CORE_ROOMS := control cloud proxy sim ledger dialect identity limit catalog config aws base
ROOMS := tui widgets $(addprefix core/,$(CORE_ROOMS))

sources = $(wildcard $(1)/*.c)
archive = $(B)/lib/$(notdir $(1)).a
objects = $(patsubst %.c,$(B)/%.o,$(call sources,$(1)))
ARCHIVES = $(foreach r,$(ROOMS),$(if $(call sources,$(r)),$(call archive,$(r))))
CORE_ARCHIVES = $(foreach r,$(addprefix core/,$(CORE_ROOMS)),$(if $(call sources,$(r)),$(call archive,$(r))))
LLHTTP := $(B)/lib/llhttp.a

all: $(B)/tollgate ## build build/tollgate

$(B)/tollgate: $(ARCHIVES) $(LLHTTP)
	$(Q)echo "LINK $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ -Wl,--start-group $(ARCHIVES) $(LLHTTP) -Wl,--end-group $(LIBS) -lncursesw -ltinfo

define room_rule
$(call archive,$(1)): $(call objects,$(1))
	$$(Q)mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

$(B)/%.o: %.c
	$(Q)mkdir -p $(@D); $(if $(V),,echo "CC $<";) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LLHTTP): /usr/share/llhttp/llhttp.c /usr/share/llhttp/api.c /usr/share/llhttp/http.c
	$(Q)mkdir -p $(B)/llhttp $(@D); for f in $^; do \
	  $(CC) -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1 -O2 -g -fPIE -w -c -o $(B)/llhttp/$$(basename $$f .c).o $$f || exit 1; done; \
	rm -f $@; ar rcs $@ $(B)/llhttp/*.o
/usr/share/llhttp/%.c:
	@echo "missing $@: run 'make deps' (Debian package node-llhttp)"; exit 1

# Unit tests: tests/unit/ROOM/test_X.c links only the rooms at or below ROOM.
UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c)
UNIT_BINARIES := $(UNIT_SOURCES:%.c=$(B)/%)
below = $(if $(filter widgets tui,$(1)),,$(shell echo '$(CORE_ROOMS)' | tr ' ' '\n' | sed -n '/^$(1)$$/,$$p'))
unit_archives = $(if $(filter widgets,$(1)),$(call archive,widgets) $(call archive,core/base),$(if $(filter tui,$(1)),$(ARCHIVES),$(foreach r,$(addprefix core/,$(call below,$(1))),$(if $(call sources,$(r)),$(call archive,$(r))))))
define unit_rule
$(B)/$(1:%.c=%): $(B)/$(1:%.c=%.o) $(call unit_archives,$(notdir $(patsubst %/,%,$(dir $(1))))) $(LLHTTP)
	$$(Q)echo "LINK $$@"; $$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -lcmocka $$(LIBS) $(if $(filter tests/unit/widgets/% tests/unit/tui/%,$(1)),-lncursesw -ltinfo)
endef
$(foreach t,$(UNIT_SOURCES),$(eval $(call unit_rule,$(t))))

test-unit: $(filter $(B)/tests/unit/$(if $(ROOM),$(ROOM)/%,%),$(UNIT_BINARIES)) ## build and run the unit tests (all, or ROOM=limit)
	$(Q)tests/run-unit $^

# --- running and testing ---

demo: deps $(B)/tollgate ## build, then the dashboard on a simulated account (no AWS needed)
	$(Q)$(B)/tollgate demo

test: deps ## install what is missing, build, run every test
	$(Q)$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS)) all unit-binaries
	$(Q)TOLLGATE=$(abspath $(B))/tollgate tests/run-all $(UNIT_BINARIES)

unit-binaries: $(UNIT_BINARIES)

bench: deps $(B)/tollgate $(B)/bench/rooms ## measure beside haproxy and nginx, htop and btop (at most 12 minutes; BENCH_QUICK=1: 6)
	$(Q)tests/deps htop btop python3
	$(Q)TOLLGATE=$(abspath $(B))/tollgate CC='$(CC)' tests/bench/run

$(B)/bench/rooms: $(B)/tests/bench/rooms.o $(CORE_ARCHIVES) $(LLHTTP)
	$(Q)mkdir -p $(@D); echo "LINK $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(CORE_ARCHIVES) $(LLHTTP) -Wl,--end-group $(LIBS)

valgrind: all ## walks through every view of the dashboard under valgrind (minutes; not in `make test`)
	$(Q)TOLLGATE=$(CURDIR)/$(B)/tollgate tests/screen/valgrind

deps: ## install missing Debian packages (apt; with sudo when not root)
	$(Q)tests/deps

JOBS := $(shell nproc)
FORMATTED := $(foreach r,$(ROOMS) $(wildcard tests/unit/* tests/unit tests/fuzz tests/bench),$(wildcard $(r)/*.c $(r)/*.h))

format: ## clang-format every C file
	$(Q)clang-format -i $(FORMATTED)

lint: layers ## banned calls, formatting, clang-tidy
	$(Q)tests/lint $(FORMATTED)
	$(Q)printf '%s\n' $(foreach r,$(ROOMS),$(call sources,$(r))) | \
	  xargs -P $(JOBS) -n 4 sh -c 'clang-tidy --quiet "$$@" -- $(CPPFLAGS) -std=c17 2>/dev/null' tidy

layers: ## check that rooms include only what stands below them
	$(Q)tests/layers

install: all ## install into PREFIX (default /usr/local); DESTDIR is honoured
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/tollgate/themes
	install -m 755 $(B)/tollgate $(DESTDIR)$(PREFIX)/bin/tollgate
	install -m 644 $(wildcard themes/*.theme) themes/README.md $(DESTDIR)$(PREFIX)/share/tollgate/themes
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -m 644 tui/man/tollgate.1 $(DESTDIR)$(PREFIX)/share/man/man1/tollgate.1
	install -m 644 tui/man/tollgate.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5/tollgate.yaml.5
	install -m 644 tui/completion/tollgate.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tollgate
	install -m 644 tui/completion/_tollgate $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tollgate

uninstall: ## remove from PREFIX what install put there
	rm -rf $(DESTDIR)$(PREFIX)/share/tollgate
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/tollgate share/man/man1/tollgate.1 share/man/man5/tollgate.yaml.5 \
	  share/bash-completion/completions/tollgate share/zsh/site-functions/_tollgate)

clean: ## remove build/
	$(Q)rm -rf build

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-12s %s\n", $$1, $$2}'

-include tests/fuzz/fuzz.mk

.PHONY: all demo test test-unit unit-binaries bench valgrind deps format lint layers install uninstall clean help
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
