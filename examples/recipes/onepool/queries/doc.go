// Package queries is made by sqlc of the statements in queries.sql.
package queries
