// Package migrate has the table of ent's schema, for ent's own migrations.
package migrate
