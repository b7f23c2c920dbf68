# Fuzzing: `make fuzz` needs clang with libFuzzer; `make fuzz-replay` runs the corpora with any compiler.
#   FUZZ_SECONDS=60   for each target          FUZZ='chunked journal'   only these
FUZZ_SECONDS ?= 60
FUZZ_ALL := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ ?= $(FUZZ_ALL)
FUZZ_SAN := fuzzer-no-link,address,undefined
FUZZ_BINARIES := $(FUZZ:%=$(B)/tests/fuzz/fuzz_%)
REPLAY_BINARIES := $(FUZZ:%=$(B)/tests/fuzz/replay_%)

fuzz: ## fuzz every parser (needs clang; FUZZ_SECONDS=60 each)
	$(Q)tests/fuzz/run check
	$(Q)$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS)) CC=clang SAN=$(FUZZ_SAN) OPT='-O1 -fno-sanitize-recover=all' WERROR=0 FUZZ='$(FUZZ)' fuzz-binaries
	$(Q)tests/fuzz/run fuzz build/clang-$(subst $(comma),-,$(FUZZ_SAN))/tests/fuzz $(FUZZ_SECONDS) $(FUZZ)

fuzz-replay: $(REPLAY_BINARIES) ## run the fuzz targets on their corpora (any compiler)
	$(Q)tests/fuzz/run replay $(B)/tests/fuzz $(FUZZ)

fuzz-binaries: $(FUZZ_BINARIES)

FUZZ_ARCHIVES := $(foreach r,tui widgets proxy ledger dialect identity limit catalog config aws base,$(B)/lib/$(r).a)
FUZZ_LINK = -Wl,--start-group $(FUZZ_ARCHIVES) $(LLHTTP) -Wl,--end-group $(LIBS) -lncursesw -ltinfo

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_ARCHIVES) $(LLHTTP)
	$(Q)echo "LINK $@"; $(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_LINK)

$(B)/tests/fuzz/replay_%.o: tests/fuzz/fuzz_%.c
	$(Q)mkdir -p $(@D); $(if $(V),,echo "CC $< (replay)";) $(CC) $(CPPFLAGS) -DFUZZ_REPLAY $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/replay_%.o $(FUZZ_ARCHIVES) $(LLHTTP)
	$(Q)echo "LINK $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(FUZZ_LINK)

.PHONY: fuzz fuzz-replay fuzz-binaries
