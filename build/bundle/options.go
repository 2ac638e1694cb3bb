package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// ofTickets are the keys of the words of tickets, which the broker's pages and the console share.
var ofTickets = regexp.MustCompile(`^desk\.(act|acts|answer|channel|comment|did|due|error|fact|facts|history|impact|matrix|new|next|priority|resolution|said|session|sessions|solution|state|team|type|urgency|waiting|whom|why)(\.|$)`)

// consoleKey tells the keys of the texts that the console shows. The shared
// language files hold those of portal and agent as well.
func consoleKey(key string) bool {
	return strings.HasPrefix(key, "console.") || strings.HasPrefix(key, "count.") || ofTickets.MatchString(key) || strings.HasPrefix(key, "audit.end.")
}

// options describes the bundle. minify is off while somebody works on it.
func options(dir string, minify bool) (api.BuildOptions, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return api.BuildOptions{}, err
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules", "preact")); err != nil {
		return api.BuildOptions{}, fmt.Errorf("the npm packages are missing (npm --prefix %s ci --ignore-scripts): %w", dir, err)
	}
	src := filepath.Join(root, "src")
	if _, err := os.Stat(filepath.Join(src, "protocol.ts")); err != nil {
		return api.BuildOptions{}, fmt.Errorf("the protocol's types are missing (go run ./build/tsgen): %w", err)
	}
	sourceMap := api.SourceMapNone
	if !minify {
		sourceMap = api.SourceMapLinked
	}
	return api.BuildOptions{
		AbsWorkingDir: root,
		EntryPointsAdvanced: []api.EntryPoint{
			{InputPath: filepath.Join(src, "console.tsx"), OutputPath: "console"},
			{InputPath: filepath.Join(src, "shell", "terminal.ts"), OutputPath: "terminal"},
			{InputPath: filepath.Join(src, "share", "share.ts"), OutputPath: "share"},
			{InputPath: filepath.Join(src, "share", "vendor.ts"), OutputPath: "vendor"},
			{InputPath: filepath.Join(src, "player", "player.ts"), OutputPath: "player"},
			{InputPath: filepath.Join(src, "player", "keyspage.ts"), OutputPath: "keys"},
			{InputPath: filepath.Join(src, "player", "trail.ts"), OutputPath: "trail"},
			{InputPath: filepath.Join(src, "player", "escrowpage.ts"), OutputPath: "escrow"},
			{InputPath: filepath.Join(src, "player", "policypage.ts"), OutputPath: "policy"},
			{InputPath: filepath.Join(src, "player", "rewrappage.ts"), OutputPath: "rewrap"},
			{InputPath: filepath.Join(src, "player", "searchpage.ts"), OutputPath: "search"},
			{InputPath: filepath.Join(src, "player", "offer.ts"), OutputPath: "offer"},
			{InputPath: filepath.Join(src, "player", "copy.ts"), OutputPath: "copy"},
			{InputPath: filepath.Join(src, "player", "shared.ts"), OutputPath: "shared"},
			{InputPath: filepath.Join(src, "player", "view.ts"), OutputPath: "view"},
			{InputPath: filepath.Join(src, "style", "view.css"), OutputPath: "view"},
			{InputPath: filepath.Join(src, "style", "console.css"), OutputPath: "console"},
			{InputPath: filepath.Join(src, "style", "tools.css"), OutputPath: "tools"},
			{InputPath: filepath.Join(src, "style", "dock.css"), OutputPath: "dock"},
			{InputPath: filepath.Join(src, "style", "terminal.css"), OutputPath: "terminal"},
			{InputPath: filepath.Join(src, "style", "chat.css"), OutputPath: "chat"},
			{InputPath: filepath.Join(src, "style", "files.css"), OutputPath: "files"},
			{InputPath: filepath.Join(src, "style", "draw.css"), OutputPath: "draw"},
			{InputPath: filepath.Join(src, "style", "clipboard.css"), OutputPath: "clipboard"},
			{InputPath: filepath.Join(src, "style", "device.css"), OutputPath: "device"},
			{InputPath: filepath.Join(src, "style", "ticket.css"), OutputPath: "ticket"},
			{InputPath: filepath.Join(src, "style", "sizes.css"), OutputPath: "sizes"},
			{InputPath: filepath.Join(src, "style", "base.css"), OutputPath: "base"},
			{InputPath: filepath.Join(src, "index.html"), OutputPath: "index"},
			{InputPath: filepath.Join(src, "icon.svg"), OutputPath: "icon"},
		},
		Outdir:     filepath.Join(root, "dist"),
		AssetNames: "[name]",
		Loader: map[string]api.Loader{
			".html": api.LoaderCopy, ".woff2": api.LoaderFile, ".svg": api.LoaderCopy,
		},
		Bundle:            true,
		Write:             true,
		Format:            api.FormatESModule,
		Target:            api.ES2023,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  minify,
		MinifyIdentifiers: minify,
		MinifySyntax:      minify,
		Sourcemap:         sourceMap,
		LegalComments:     api.LegalCommentsNone, // THIRD-PARTY.txt has the licences in full
		LogLevel:          api.LogLevelWarning,
		Plugins:           []api.Plugin{consoleTexts()},
	}, nil
}

// consoleTexts loads the shared language files without the texts of others.
func consoleTexts() api.Plugin {
	return api.Plugin{Name: "console-texts", Setup: func(build api.PluginBuild) {
		build.OnLoad(api.OnLoadOptions{Filter: `[/\\]protocol[/\\]lang[/\\][a-z-]+\.json$`}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			data, err := os.ReadFile(args.Path)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			var texts map[string]string
			if err := json.Unmarshal(data, &texts); err != nil {
				return api.OnLoadResult{}, fmt.Errorf("%s: %w", args.Path, err)
			}
			for key := range texts {
				if !consoleKey(key) {
					delete(texts, key)
				}
			}
			data, err = json.Marshal(texts)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			contents := string(data)
			return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJSON}, nil
		})
	}}
}
