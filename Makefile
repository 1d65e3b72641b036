# The Go tool alone builds the program; these are short names for what one does often.

# How long make soak runs each fuzz target: a time like 10m, or a number of inputs like 100000x.
FUZZTIME ?= 10m

.PHONY: build run test bench conformance soak release

build:
	go build -o build/parley ./cmd/parley

run: build
	./build/parley serve

test:
	./scripts/test

bench: build
	go run ./test/bench

conformance:
	go run ./test/conformance/report

soak:
	./scripts/soak $(FUZZTIME)

release:
	./scripts/release build/release
