# Installs a released posthog-c1z; `packaging/homebrew/fill.sh` puts version and checksums in.
class PosthogC1z < Formula
  desc "PostHog access snapshots for ConductorOne, and tools to read them"
  homepage "https://github.com/posthog-c1z/posthog-c1z"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "https://github.com/posthog-c1z/posthog-c1z/releases/download/v@VERSION@/posthog-c1z-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@aarch64-apple-darwin@"
    end
    on_intel do
      url "https://github.com/posthog-c1z/posthog-c1z/releases/download/v@VERSION@/posthog-c1z-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@x86_64-apple-darwin@"
    end
  end
  on_linux do
    on_arm do
      url "https://github.com/posthog-c1z/posthog-c1z/releases/download/v@VERSION@/posthog-c1z-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "https://github.com/posthog-c1z/posthog-c1z/releases/download/v@VERSION@/posthog-c1z-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@x86_64-unknown-linux-musl@"
    end
  end

  def install
    bin.install "posthog-c1z"
    man1.install "posthog-c1z.1.gz"
    bash_completion.install "completions/bash" => "posthog-c1z"
    zsh_completion.install "completions/zsh" => "_posthog-c1z"
    fish_completion.install "completions/fish" => "posthog-c1z.fish"
    pkgshare.install Dir["scripts/*"]
    doc.install "README.md", "CHANGELOG.md", "docs"
  end

  test do
    system bin/"posthog-c1z", "sync", "--demo", "-q", "-f", "demo.c1z"
    assert_equal "demo.c1z: ok", shell_output("#{bin}/posthog-c1z verify demo.c1z").strip
  end
end
