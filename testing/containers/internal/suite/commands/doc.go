// Package commands has tests alone: the commands and migrations of this project on Postgres in containers.
package commands
