// Package store is the contract between package session and the databases that keep its sessions, as database/sql/driver is
// the one beneath database/sql. Applications need it only to write a store of their own; docs/guide/custom-store.md builds
// one in some 70 lines, and testing/storetest is this contract as a test suite.
//
// [Store] is the minimum. What only some stores can do is an optional interface each, with a fallback in package session
// or errors.ErrUnsupported: [Locker], [Inspector], [Toucher], [Watcher], [Finder], [Collector], [Clock].
package store
