// Package contract tests the store on Postgres in a container: the stores' contract, and what a server of its own shows.
package contract
