// Program histories tries what this repository promises, as Jepsen does for databases. Clients in processes of their own
// ask one to three server processes over HTTP and WebSocket, at random and under faults that a seed chooses: processes
// and the database killed or stopped, its disk full, connections cut, slowed and silenced, a store that fails before or after it has
// done what it was asked, clock steps, cancelled requests, deadlines of 5 ms. Each answer is recorded with its times. A
// checker that knows the promises, and nothing of the code, then looks for one order of all operations that explains all
// answers (package model, on porcupine).
//
// A few thousand operations on each backend are part of the tests. On demand:
//
//	go run ./testing/internal/histories -backend postgres -ops 1000000
//
// A history that breaks a promise is kept: whole, shrunk to the operations that matter, and drawn as an SVG. The output
// says how the same trial is run again, and
//
//	go run ./testing/internal/histories check FOLDER
//
// checks the kept history once more. Program soak beside it runs a service for an hour. docs/reliability.md has what was
// found.
package main
