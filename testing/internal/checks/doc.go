// Package checks holds the rules of this repository as tests: what an importer pays, which package may import which,
// that the documentation is true, and that exported names are documented. Its module pins the linters, so that nobody
// who imports the library pays for them.
//
// # Code blocks in README.md and docs
//
// Every block says what it is written in, and is checked accordingly:
//
//   - go: compiled and vetted. A block with a package clause is a file of its own; where it has an Example with an Output
//     comment it is run. Other blocks are declarations or the inside of a function that has the usual variables:
//     ctx, w, r, s, store, sessions, mux, pool, t, and those that fragments_test.go lists.
//   - go file=NAME: written into the page's directory for its shell blocks, and vetted there. On a page without shell
//     blocks, the files of one folder are one package.
//   - sh: run by bash -euo pipefail, the blocks of a page in order and in one directory that is empty at first. This
//     repository is what the go command finds as github.com/simples-go/sessions, and both commands are in the PATH.
//   - sh background: started, waited for until it listens, and ended after the page's last block.
//   - sql sqlite, sql postgres: run on a migrated database.
//   - text output: what the shell block before it prints; … stands for anything.
//   - json: parsed.
//   - text, console, ini, yaml, mermaid, dockerfile, promql: shown only.
//
// A block of the first kinds that cannot be run so names the test that runs it in a comment on the line above,
//
//	<!-- run by: TestName in folder -->
//
// or, if no test can do it, why:
//
//	<!-- not run: needs a Kubernetes cluster -->
package checks
