export default {
  testEnvironment: "jsdom",
  testMatch: ["<rootDir>/tests/**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/dist"],
  transform: { "\\.ts$": ["ts-jest", { tsconfig: "tsconfig.test.json", diagnostics: false }] },
};
