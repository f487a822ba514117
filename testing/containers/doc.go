// Package containers gives tests a Postgres that sessions can be stored in: a container of their own, the schema
// migrated, a fresh database for each test.
//
//	func TestMain(m *testing.M) { containers.Main(m) }
//
//	func TestLogin(t *testing.T) {
//		db := containers.Postgres(t)
//		sessions, err := session.New(db.Store, session.Config{})
//		…
//	}
//
// One container serves all tests of a process. A test's database is copied from a template that was migrated once, which
// takes some 30 ms, and is dropped when the test ends; tests may run in parallel.
//
// The package needs a Docker engine. If none answers, a test is skipped and says what to install; with CI in the
// environment it fails instead, so that a pipeline never passes for want of Docker.
package containers
