// Command bundle makes console/dist, which the broker embeds and serves, out of
// console/src and the packages of console/package-lock.json:
//
//	go run ./build/bundle [-watch] [-console console]
//
// It needs console/src/protocol.ts (go run ./build/tsgen) and the npm packages
// (npm --prefix console ci --ignore-scripts). dist is flat: index.html,
// console.js, console.css, base.css, the fonts and THIRD-PARTY.txt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	watch := flag.Bool("watch", false, "build again whenever a source changes, until interrupted")
	dir := flag.String("console", "console", "the folder that holds src, dist and node_modules")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dir, *watch); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, watch bool) error {
	options, err := options(dir, !watch)
	if err != nil {
		return err
	}
	if !watch {
		result := api.Build(options)
		if len(result.Errors) > 0 {
			return errors.New("the bundle has errors") // esbuild printed them
		}
		made := map[string]bool{".placeholder": true, notices: true}
		for _, f := range result.OutputFiles {
			fmt.Printf("%7d %s\n", len(f.Contents), f.Path)
			made[filepath.Base(f.Path)] = true
		}
		if err := sweep(filepath.Join(dir, "dist"), made); err != nil {
			return err
		}
		return writeNotices(dir)
	}
	builder, failed := api.Context(options)
	if failed != nil {
		return failed
	}
	defer builder.Dispose()
	if err := builder.Watch(api.WatchOptions{}); err != nil {
		return err
	}
	if err := writeNotices(dir); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// sweep removes the files of dist that this build did not make: whatever lies
// there is embedded into the broker.
func sweep(dist string, made map[string]bool) error {
	entries, err := os.ReadDir(dist)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if made[e.Name()] || e.IsDir() {
			continue
		}
		if err := os.Remove(filepath.Join(dist, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
