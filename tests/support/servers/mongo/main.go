// mongo is a server of MongoDB's wire protocol for the tests: FerretDB over SQLite, embedded.
//
//	mongo -listen 127.0.0.1:0 -state FOLDER [-cert FILE -key FILE] [-user NAME -password TEXT] [-set NAME -host ADDRESS]
//
// -cert and -key turn on TLS, -user and -password SCRAM; with -set it says that it is the primary of a replica set of
// that name, whose only member is at -host. It prints "listening on ADDRESS" when it does, and ends with
// SIGTERM. FerretDB's own package for embedding knows no authentication, so its inner ones are used, which Go allows
// to a package below FerretDB's path alone: hence the name in go.mod.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/FerretDB/FerretDB/internal/clientconn"
	"github.com/FerretDB/FerretDB/internal/clientconn/connmetrics"
	"github.com/FerretDB/FerretDB/internal/handler/registry"
	"github.com/FerretDB/FerretDB/internal/util/password"
	"github.com/FerretDB/FerretDB/internal/util/state"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "mongo:", err)
		os.Exit(1)
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port")
	folder := flag.String("state", "", "folder of the databases")
	cert := flag.String("cert", "", "TLS: the server's certificate")
	key := flag.String("key", "", "TLS: its key")
	user := flag.String("user", "", "SCRAM: a user")
	secret := flag.String("password", "", "SCRAM: that user's password")
	set := flag.String("set", "", "the replica set's name")
	host := flag.String("host", "", "what it calls itself in there, with a port")
	flag.Parse()

	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	provider, err := state.NewProvider("")
	check(err)
	check(provider.Update(func(s *state.State) { s.DisableTelemetry(); s.TelemetryLocked = true }))
	metrics := connmetrics.NewListenerMetrics()
	options := &registry.NewHandlerOpts{
		Logger: logger, ConnMetrics: metrics.ConnMetrics, StateProvider: provider, SQLiteURL: "file:" + *folder + "/",
		ReplSetName: *set, TCPHost: *host,
		TestOpts: registry.TestOpts{CappedCleanupPercentage: 10, BatchSize: 100, EnableNewAuth: *user != ""},
	}
	if *user != "" {
		options.SetupDatabase, options.SetupTimeout = "admin", time.Minute
		options.SetupUsername, options.SetupPassword = *user, password.WrapPassword(*secret)
	}
	handler, closeBackend, err := registry.NewHandler("sqlite", options)
	check(err)
	defer closeBackend()

	listener := &clientconn.NewListenerOpts{Mode: clientconn.NormalMode, Metrics: metrics, Handler: handler, Logger: logger}
	if *cert == "" {
		listener.TCP = *listen
	} else {
		listener.TLS, listener.TLSCertFile, listener.TLSKeyFile = *listen, *cert, *key
	}
	l, err := clientconn.Listen(listener)
	check(err)
	var address net.Addr
	if *cert == "" {
		address = l.TCPAddr()
	} else {
		address = l.TLSAddr()
	}
	fmt.Println("listening on", address)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l.Run(ctx)
}
