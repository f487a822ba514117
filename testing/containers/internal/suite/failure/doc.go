// Package failure has tests alone: servers, processes and networks that fail under the store on Postgres.
package failure
