package htmxapp

import "html/template"

// page is the only one. What it shows of the session comes from /account, and again whenever an event says so.
var page = template.Must(template.New("page").Parse(`<!doctype html>
<meta charset="utf-8"><title>Visits</title>
<script src="https://unpkg.com/htmx.org@2"></script>
<script src="https://unpkg.com/htmx-ext-sse@2"></script>
<body hx-ext="sse">
{{if .User}}
<main sse-connect="/events" sse-close="ended">
  <section hx-get="/account" hx-trigger="load, sse:changed"></section>
  <form hx-post="/note" hx-swap="none"><input name="note" required> <button>Note</button></form>
  <button hx-post="/logout">Log out</button>
  <i hx-get="/" hx-target="body" hx-trigger="sse:ended"></i>
</main>
{{else}}
<form hx-post="/login"><input name="user" required> <button>Log in</button></form>
{{end}}`))

// account is the fragment about the session.
var account = template.Must(template.New("account").Parse(`{{with .Flash}}<p role="status">{{.}}</p>{{end}}
<p>{{.User}}: <q>{{.Note}}</q></p>
<ul>{{range .Sessions}}
  <li>{{.LastSeen.Format "15:04"}} <button hx-delete="/sessions/{{.Handle}}" hx-target="closest li" hx-swap="outerHTML">End</button></li>{{end}}
</ul>`))
